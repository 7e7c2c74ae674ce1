//! Whole stories through the running stack, one binary.

mod it {
    mod callback;
    mod first_light;
    mod tidy;
}
