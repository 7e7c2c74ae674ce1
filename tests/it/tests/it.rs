//! Whole stories through the running stack, one binary.

mod it {
    mod a_year;
    mod access_token;
    mod alerts;
    mod bad_input;
    mod bootstrap;
    mod callback;
    mod canary;
    mod command_line;
    mod consent_answers;
    mod damage;
    mod data_directory;
    mod deletion;
    mod every_credential;
    mod figures;
    mod first_light;
    mod foreign_hosts;
    mod foreign_links;
    mod full_disk;
    mod indexes;
    mod key_identifiers;
    mod licenses;
    mod lifecycle;
    mod listening;
    mod markup;
    mod moving;
    mod passing_trouble;
    mod policy;
    mod ports;
    mod read_only;
    mod refused_requests;
    mod renewal;
    mod restore;
    mod script_names;
    mod script_parsers;
    mod setup;
    mod sign_in;
    mod signals;
    mod signed_in;
    mod tidy;
    mod unreadable;
    mod webhooks;
    mod without_a_secret;
}
