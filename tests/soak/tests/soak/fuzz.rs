//! Every parser of what comes from outside, against bytes that are almost right and bytes that are
//! not: a small number of what `make fuzz` tries.

use muster_soak::fuzz;

/// Inputs a parser, within a second or two.
const INPUTS: u64 = 20_000;

#[test]
fn no_input_makes_a_parser_panic() {
    for parser in fuzz::PARSERS {
        let tried = fuzz::run(parser, 0..INPUTS);
        assert!(tried.is_ok(), "{}", tried.unwrap_err());
    }
}

#[test]
fn what_fuzzing_has_met_is_met_again() {
    for parser in fuzz::PARSERS {
        for input in fuzz::CORPUS {
            (parser.parse)(input);
        }
    }
}

#[test]
fn what_is_right_is_read_by_every_parser() {
    for parser in fuzz::PARSERS {
        let read = parser
            .seeds
            .iter()
            .any(|seed| (parser.parse)(seed.as_bytes()));
        assert!(read, "{} reads none of its own seeds", parser.name);
    }
}
