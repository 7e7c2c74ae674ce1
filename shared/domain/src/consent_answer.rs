//! Reads the address to which Microsoft's consent page sends an administrator back.
//!
//! Microsoft, "Admin consent on the Microsoft identity platform"
//! (<https://learn.microsoft.com/entra/identity-platform/v2-admin-consent>): `admin_consent=True`,
//! `tenant` and `state`; on a refusal `error` and `error_description`. Anyone can write such an
//! address, and proxies and browser extensions change it: it is parsed strictly, and nothing is read
//! into it that it does not say.

use crate::{TenantId, aadsts};

/// Microsoft's answer on the consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// `admin_consent=True`, and no error.
    Given,
    /// `admin_consent=False`, and no error.
    NotGiven,
    /// An error, with its AADSTS code where there is one.
    Refused(Option<u32>),
    /// Neither.
    Nothing,
}

/// The address, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentAnswer {
    /// The `state`.
    pub state: State,
    /// The directory it names; `None` where it names none.
    pub tenant: Option<NamedTenant>,
    /// Reads what it says of the consent.
    pub told: Told,
}

/// A directory that an answer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedTenant {
    /// A directory's ID.
    Id(TenantId),
    /// No directory's ID.
    Unreadable,
}

/// The reason why an address is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAnswer {
    /// A parameter that matters comes more than once, with different values.
    #[error("a parameter comes twice, with different values")]
    Ambiguous,
    /// The state is cut, changed or none at all.
    #[error("no whole state")]
    NoState,
}

/// The `state` of one consent: the directory it is for, and 32 random bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct State(String);

/// 32 hexadecimal digits, a dot, and 32 bytes as base64url without padding.
const TENANT_DIGITS: usize = 32;
const RANDOM_DIGITS: usize = 43;
const STATE_LENGTH: usize = TENANT_DIGITS + 1 + RANDOM_DIGITS;

impl State {
    /// Makes the state of one consent. `random` is 32 random bytes as base64url without padding.
    pub fn new(tenant: TenantId, random: &str) -> Self {
        Self(format!("{}.{random}", tenant.uuid().simple()))
    }

    /// Finds the whole state that a text begins with. What a proxy or a browser extension appended
    /// is left out, if it begins with a character that no state holds: a state that was cut, or ran
    /// on, is none.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim_start();
        let state = text.get(..STATE_LENGTH)?;
        let is_state = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let (tenant, random) = state.split_once('.')?;
        let whole = tenant.len() == TENANT_DIGITS
            && tenant.bytes().all(|b| b.is_ascii_hexdigit())
            && random
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !text[STATE_LENGTH..].starts_with(is_state);
        whole.then(|| Self(state.to_owned()))
    }

    /// The directory it is for. The nil GUID is none: the account's own settings are kept under it.
    pub fn tenant(&self) -> Option<TenantId> {
        let digits = self.0.get(..TENANT_DIGITS)?;
        let tenant = uuid::Uuid::parse_str(digits).ok()?;
        tenant.hyphenated().to_string().parse().ok()
    }

    /// As it stands in the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State(…)")
    }
}

impl ConsentAnswer {
    /// Parses the decoded parameters of the address.
    ///
    /// # Errors
    /// When a parameter that matters has two values, or there is no whole state.
    pub fn read<'a>(
        parameters: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, NotAnAnswer> {
        let (mut state, mut tenant, mut consent) = (None, None, None);
        let (mut error, mut description) = (None, None);
        for (name, value) in parameters {
            match name {
                "state" => once(&mut state, value)?,
                "tenant" => once(&mut tenant, value)?,
                "admin_consent" => once(&mut consent, value)?,
                "error" => drop(error.get_or_insert(value)),
                "error_description" => drop(description.get_or_insert(value)),
                _ => {}
            }
        }
        let state = state.and_then(State::read).ok_or(NotAnAnswer::NoState)?;
        let tenant = tenant.map(str::trim).filter(|named| !named.is_empty());
        let error = error.map(str::trim).filter(|error| !error.is_empty());
        let code = aadsts::code_in(description.unwrap_or_default());
        let told = match (error, consent.map(word).as_deref()) {
            (Some("access_denied" | "permission_denied"), _) => {
                Told::Refused(code.or(Some(aadsts::CANCELLED)))
            }
            (Some(_), _) => Told::Refused(code),
            (None, _) if code.is_some() => Told::Refused(code),
            (None, Some("true")) => Told::Given,
            (None, Some("false")) => Told::NotGiven,
            (None, _) => Told::Nothing,
        };
        Ok(Self {
            state,
            tenant: tenant.map(named_tenant),
            told,
        })
    }
}

/// Keeps a parameter's value; the same value again is no news, another one is refused.
fn once<'a>(kept: &mut Option<&'a str>, value: &'a str) -> Result<(), NotAnAnswer> {
    match *kept.get_or_insert(value) == value {
        true => Ok(()),
        false => Err(NotAnAnswer::Ambiguous),
    }
}

/// The word that a value begins with, in lower case.
fn word(value: &str) -> String {
    let letters = value.trim().chars().take_while(char::is_ascii_alphabetic);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// The directory's ID that a value begins with.
fn named_tenant(value: &str) -> NamedTenant {
    let id = value.get(..36).unwrap_or(value);
    let more = value.get(36..).unwrap_or_default();
    match id.parse() {
        Ok(id) if !more.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-') => {
            NamedTenant::Id(id)
        }
        _ => NamedTenant::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c";

    fn state() -> State {
        State::new(TENANT.parse().expect("a GUID"), &"Aa0-_".repeat(9)[..43])
    }

    fn told(parameters: &[(&str, &str)]) -> Told {
        let state = state();
        let parameters = parameters.iter().copied();
        let parameters = parameters.chain([("state", state.as_str())]);
        ConsentAnswer::read(parameters).expect("it is read").told
    }

    #[test]
    fn nothing_is_read_into_an_answer_that_does_not_say_it() {
        assert_eq!(told(&[]), Told::Nothing);
        assert_eq!(told(&[("tenant", TENANT)]), Told::Nothing);
        for value in ["", "1", "yes", "truely", "0"] {
            assert_eq!(told(&[("admin_consent", value)]), Told::Nothing, "{value}");
        }
        for value in [
            "True", "true", "TRUE", "tRUE", " True ", "True/", "True?x=1",
        ] {
            assert_eq!(told(&[("admin_consent", value)]), Told::Given, "{value}");
        }
        for value in ["False", "false", "FALSE"] {
            assert_eq!(told(&[("admin_consent", value)]), Told::NotGiven, "{value}");
        }
    }

    #[test]
    fn an_error_outweighs_the_word_beside_it() {
        let yes = ("admin_consent", "True");
        let stranger = ("error_description", "AADSTS50020: User account …");
        assert_eq!(
            told(&[yes, ("error", "access_denied"), stranger]),
            Told::Refused(Some(50_020))
        );
        assert_eq!(
            told(&[yes, ("error", "access_denied")]),
            Told::Refused(Some(aadsts::CANCELLED))
        );
        assert_eq!(told(&[yes, ("error", "server_error")]), Told::Refused(None));
        assert_eq!(told(&[yes, stranger]), Told::Refused(Some(50_020)));
        assert_eq!(told(&[yes, ("error", "")]), Told::Given);
    }

    #[test]
    fn what_was_appended_to_a_whole_state_is_left_out() {
        let whole = state();
        for appended in [
            "", " ", "/", "?utm=x", "&x=1", ";", "%20", "\u{200b}", "#_=_", "==",
        ] {
            let text = format!("{}{appended}", whole.as_str());
            assert_eq!(State::read(&text).as_ref(), Some(&whole), "{appended:?}");
        }
        assert_eq!(whole.tenant(), TENANT.parse().ok());
    }

    #[test]
    fn a_state_names_no_account_but_a_directory() {
        let account = State::new(TenantId::ACCOUNT, &"a".repeat(RANDOM_DIGITS));
        let read = State::read(account.as_str()).expect("it has the shape of one");
        assert_eq!(read.tenant(), None);
    }

    #[test]
    fn a_state_that_was_cut_or_ran_on_is_none() {
        let whole = state().as_str().to_owned();
        for text in [
            String::new(),
            whole[..75].to_owned(),
            format!("{whole}A"),
            format!("{whole}-"),
            format!("{whole}."),
            whole.replace('.', "-"),
            format!("é{}", &whole[2..]),
            format!("x{whole}"),
        ] {
            assert_eq!(State::read(&text), None, "{text}");
        }
    }

    #[test]
    fn a_parameter_may_come_twice_but_not_with_two_values() {
        let state = state();
        let twice = [("state", state.as_str()), ("state", state.as_str())];
        assert!(ConsentAnswer::read(twice.into_iter()).is_ok());
        for name in ["state", "tenant", "admin_consent"] {
            let two = [("state", state.as_str()), (name, "a"), (name, "b")];
            let read = ConsentAnswer::read(two.into_iter());
            assert_eq!(read, Err(NotAnAnswer::Ambiguous), "{name}");
        }
    }

    #[test]
    fn a_tenant_is_read_whatever_was_appended() {
        let read = |value: &str| {
            let state = state();
            let parameters = [("state", state.as_str()), ("tenant", value)];
            let answer = ConsentAnswer::read(parameters.into_iter());
            answer.expect("it is read").tenant
        };
        let id = TENANT.parse().map(NamedTenant::Id).ok();
        assert_eq!(read(TENANT), id);
        assert_eq!(read(&format!("{TENANT}/")), id);
        assert_eq!(read(""), None);
        for value in ["contoso.example", "6f1c0c5e", &format!("{TENANT}1")] {
            assert_eq!(read(value), Some(NamedTenant::Unreadable), "{value}");
        }
    }
}
