//! Whole stories through the running stack, one binary.

mod it {
    mod access_token;
    mod bad_input;
    mod bootstrap;
    mod callback;
    mod canary;
    mod command_line;
    mod data_directory;
    mod first_light;
    mod foreign_links;
    mod full_disk;
    mod indexes;
    mod lifecycle;
    mod markup;
    mod moving;
    mod ports;
    mod sign_in;
    mod tidy;
}
