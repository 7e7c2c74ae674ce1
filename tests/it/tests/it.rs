//! Whole stories through the running stack, one binary.

mod it {
    mod bad_input;
    mod callback;
    mod canary;
    mod first_light;
    mod foreign_links;
    mod lifecycle;
    mod markup;
    mod tidy;
}
