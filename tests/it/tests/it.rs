//! Whole stories through the running stack, one binary.

mod it {
    mod first_light;
    mod tidy;
}
