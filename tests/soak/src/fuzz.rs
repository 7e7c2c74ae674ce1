//! Parsers of what comes from outside, against inputs that are almost right. Each input follows from
//! its number, so that one that fails can be made again.

use crate::dice::Dice;
use muster_domain::{
    aadsts::SignInError,
    cloud::{Cloud, Hosts},
    connect::Form,
    datasets, fault, page,
    token::Claims,
};
use muster_platform::queue::SyncMessage;
use std::{ops::Range, panic::catch_unwind};

/// A parser.
#[derive(Debug, Clone, Copy)]
pub struct Parser {
    /// What it reads.
    pub name: &'static str,
    /// Inputs that it reads, or nearly so.
    pub seeds: &'static [&'static str],
    /// Whether it could make sense of the input.
    pub parse: fn(&[u8]) -> bool,
}

/// All of them.
pub const PARSERS: &[Parser] = &[
    Parser {
        name: "Graph page",
        seeds: &[
            r#"{"@odata.context":"x","@odata.nextLink":"https://graph.microsoft.com/v1.0/users?$skiptoken=x","value":[{"id":"a","displayName":"Zoë \ud83d\ude00","accountEnabled":true,"assignedLicenses":[{"skuId":"c42b9cae-ea4f-4ab7-9717-81576235ccac"}],"createdDateTime":"2020-01-31T09:00:00.123Z"},{"id":"b","@removed":{"reason":"changed"}}]}"#,
            r#"{"@odata.deltaLink":"x","value":[{"id":"c","signInActivity":{"lastSignInDateTime":"0001-01-01T00:00:00Z"},"prepaidUnits":{"enabled":-9223372036854775808},"servicePlans":[{"servicePlanId":null}]}]}"#,
            r#"{"value":{"displayConcealedNames":true}}"#,
        ],
        parse: |body| {
            datasets::ALL
                .iter()
                .copied()
                .filter(|&dataset| page::from_json(dataset, body).is_ok())
                .count()
                > 0
        },
    },
    Parser {
        name: "CSV report",
        seeds: &[
            "\u{feff}Report Refresh Date,User Principal Name,Display Name,Is Deleted,Deleted Date,Assigned Products,Exchange Last Activity Date\r\n2026-01-02,a@b.example,\"Zoë, \"\"Z\"\"\nX\",False,,A+B,2026-01-01\r\n2026-01-02,0F8DC9A1B2C3D4E5F60718293A4B5C6D,x,True,2026-01-01,,\r\n",
            "User Principal Name\na\n",
        ],
        parse: |body| page::from_csv(&datasets::active_users::ACTIVE_USERS, body).is_ok(),
    },
    Parser {
        name: "access token",
        seeds: &[
            r#"{"aud":"https://graph.microsoft.com","tid":"6b9c2f0e-57d9-4c0e-9d2a-0c1f0d1f5a01","appid":"0b7d5c8a-3c1f-4f0b-8a69-2f4c5e1d7b02","roles":["User.Read.All","x"],"exp":1767225600,"iat":1}"#,
        ],
        parse: |body| {
            let tenant = "6b9c2f0e-57d9-4c0e-9d2a-0c1f0d1f5a01".parse();
            let client = "0b7d5c8a-3c1f-4f0b-8a69-2f4c5e1d7b02".parse();
            let (Ok(tenant), Ok(client)) = (tenant, client) else {
                return false;
            };
            Claims::read(body, tenant, client).is_ok()
        },
    },
    Parser {
        name: "sign-in error",
        seeds: &[
            r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.","error_codes":[7000215],"timestamp":"2026-01-01 00:00:00Z"}"#,
        ],
        parse: |body| SignInError::read(body).code().is_some(),
    },
    Parser {
        name: "error envelope",
        seeds: &[
            r#"{"error":{"code":"syncStateNotFound","message":"x","innerError":{"date":"2026-01-01T00:00:00"}}}"#,
            r#"{"error":{"code":"UnknownError","message":"{\"ErrorCode\":\"Unauthorized\",\"Message\":\"{\\\"Message\\\":\\\"license\\\"}\"}"}}"#,
            "Wed, 21 Oct 2026 07:28:00 GMT",
            "120",
        ],
        parse: |body| {
            let text = String::from_utf8_lossy(body);
            let now = jiff::Timestamp::UNIX_EPOCH;
            for status in [400, 401, 403, 404, 410, 429, 500, 503] {
                for dataset in datasets::ALL {
                    drop(fault::classify(dataset, status, Some(&text), body, now));
                }
            }
            // Whatever comes is some fault.
            true
        },
    },
    Parser {
        name: "SQS body",
        seeds: &[r#"{"tenant_id":"6b9c2f0e-57d9-4c0e-9d2a-0c1f0d1f5a01"}"#],
        parse: |body| serde_json::from_slice::<SyncMessage>(body).is_ok(),
    },
    Parser {
        name: "link",
        seeds: &[
            "https://graph.microsoft.com/v1.0/users/delta?$skiptoken=abc%20d",
            "https://reports.office.com/data?x=1",
            "https://user:pass@[::1]:443/",
        ],
        parse: |body| {
            let hosts = Hosts::of(Cloud::Global);
            let text = String::from_utf8_lossy(body);
            hosts.follow(&text).is_ok() || hosts.follow_report(&text).is_ok()
        },
    },
    Parser {
        name: "form",
        seeds: &[
            r#"{"name":"Contoso","tenant_id":"6b9c2f0e-57d9-4c0e-9d2a-0c1f0d1f5a01","client_id":"0b7d5c8a-3c1f-4f0b-8a69-2f4c5e1d7b02","client_secret":"abc8Q~0123456789abcdefghijklmnopqrstuvwxyz","cloud":"global","cadence_minutes":60}"#,
        ],
        parse: |body| {
            let form = serde_json::from_slice::<Form>(body);
            form.is_ok_and(|form| form.check().is_ok())
        },
    },
];

/// What is put in at random places.
const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b",",
    b":",
    b"\0",
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"-1e-999",
    b"18446744073709551616",
    b"\\u0000",
    b"\\ud800",
    b"\xEF\xBB\xBF",
    b"\xff",
    b"\xc3",
    b"\r\n",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":{\"a\":{\"a\":",
    b"\"value\":",
    b"\"id\":",
    b"@removed",
    b"0001-01-01T00:00:00Z",
    b"9999-12-31T23:59:59.9999999Z",
    b"2026-02-30",
    b"%",
    b"%00",
    b"..",
    b"//",
    b"@",
    b"#",
];

/// Inputs that once were trouble, here or elsewhere: deep nesting, lone surrogates, numbers beyond
/// all types, half a byte order mark, dates that are none.
pub const CORPUS: &[&[u8]] = &[
    b"",
    b"\xEF\xBB",
    b"\xEF\xBB\xBF",
    b"{\"value\":[{\"id\":\"\\ud800\"}]}",
    b"{\"value\":[{\"id\":\"a\",\"accountEnabled\":1e999}]}",
    b"{\"value\":[{\"id\":\"a\",\"createdDateTime\":\"-9999-12-31T24:00:60Z\"}]}",
    b"{\"value\":[{\"id\":\"a\",\"createdDateTime\":\"2026-01-01T00:00:00+99:99\"}]}",
    b"{\"error\":{\"code\":null,\"message\":\"{\\\"error\\\":\"}}",
    b"{\"error_codes\":[-1, 1e99, \"7000215\"]}",
    b"User Principal Name\n\"",
    b"User Principal Name,User Principal Name\na,b\n",
    b"https://[::1%25eth0]/",
    b"Wed, 31 Feb 2026 25:61:61 GMT",
    b"99999999999999999999",
];

/// The input of this number.
pub fn input(parser: &Parser, number: u64) -> Vec<u8> {
    let mut dice = Dice::of(number);
    let mut bytes = dice.one(parser.seeds).as_bytes().to_vec();
    if dice.percent(3) {
        bytes = (0..dice.between(0, 64)).map(|_| byte(&mut dice)).collect();
    }
    for _ in 0..dice.between(1, 5) {
        let length = u32::try_from(bytes.len()).unwrap_or(0);
        let at = dice.between(0, length) as usize;
        let to = dice.between(u32::try_from(at).unwrap_or(0), length) as usize;
        match dice.between(1, 7) {
            1 if at < bytes.len() => bytes[at] = byte(&mut dice),
            2 => drop(bytes.drain(at..to)),
            3 => {
                let again = bytes[at..to].to_vec();
                bytes.splice(at..at, again);
            }
            4 => bytes.truncate(at),
            5 => {
                let other = dice.one(parser.seeds).as_bytes();
                bytes.splice(at..to, other.iter().copied());
            }
            _ => {
                let word = *dice.one(WORDS);
                for _ in 0..*dice.one(&[1, 1, 1, 40]) {
                    bytes.splice(at..at, word.iter().copied());
                }
            }
        }
    }
    bytes
}

fn byte(dice: &mut Dice) -> u8 {
    u8::try_from(dice.between(0, 255)).unwrap_or(0)
}

/// Tries the inputs of these numbers; gives how many the parser could make sense of.
///
/// # Errors
/// The first input that made it panic.
pub fn run(parser: &Parser, numbers: Range<u64>) -> Result<u64, String> {
    let mut read = 0;
    for number in numbers {
        let input = input(parser, number);
        match catch_unwind(|| (parser.parse)(&input)) {
            Ok(sense) => read += u64::from(sense),
            Err(_) => {
                let text = String::from_utf8_lossy(&input).into_owned();
                return Err(format!("{}: input {number} panics: {text:?}", parser.name));
            }
        }
    }
    Ok(read)
}

/// The most memory that this process has held, in megabytes; `None` where the system does not say.
pub fn peak_megabytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024)
}
