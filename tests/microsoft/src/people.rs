//! The users of a tenant, each a function of the tenant's seed and an index.

use uuid::Uuid;

use crate::licences;
use crate::names::{GIVEN, Name, SURNAMES};
use crate::seeded::{id_of, index_of, mix};
use crate::tenant::Facts;

const USER: u64 = 0x05E4;
const DAY: i64 = 86_400;

/// What is particular about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Member,
    /// Invited from another organization: `…#EXT#@…`.
    Guest,
    /// A mailbox that several people read; nobody signs in.
    SharedMailbox,
    /// An account that is switched off.
    Disabled,
    /// Never signed in: the property is absent.
    NeverSignedIn,
    /// Never signed in: the date is 0001-01-01.
    ZeroSignedIn,
    /// Has markup in the name.
    Markup,
    /// Has a name written from right to left.
    RightToLeft,
    /// Has an emoji and a zero-width joiner in the name.
    Emoji,
    /// Has a name that a spreadsheet takes for a formula.
    Formula,
    /// Has next to no properties.
    Sparse,
}

/// Odd people come at the beginning and then once in this many, so that a tenant of ten has them.
const ODD_EVERY: u32 = 400;

impl Kind {
    fn of(index: u32, hash: u64) -> Self {
        match index % ODD_EVERY {
            1 => Self::Markup,
            2 => Self::Guest,
            3 => Self::Disabled,
            4 => Self::SharedMailbox,
            5 => Self::Formula,
            6 => Self::NeverSignedIn,
            7 => Self::ZeroSignedIn,
            8 => Self::RightToLeft,
            9 => Self::Emoji,
            10 => Self::Sparse,
            0 => Self::Member,
            _ => match mix(hash, 0xC1A5, 0) % 100 {
                0..6 => Self::Guest,
                6..9 => Self::SharedMailbox,
                9..14 => Self::Disabled,
                14..19 => Self::NeverSignedIn,
                19..21 => Self::ZeroSignedIn,
                _ => Self::Member,
            },
        }
    }
}

/// When a person signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIns {
    /// The property is absent.
    Absent,
    /// 0001-01-01T00:00:00Z.
    Zero,
    /// In seconds since 1970.
    At {
        /// The last attempt, failed ones included.
        last: i64,
        /// The last that succeeded; not known for those before December 2023.
        successful: Option<i64>,
        /// The last on the user's behalf.
        non_interactive: Option<i64>,
    },
}

/// One user.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// Where in the tenant.
    pub index: u32,
    /// Object id.
    pub id: Uuid,
    /// Source of all else.
    pub hash: u64,
    /// What is particular.
    pub kind: Kind,
    /// A bit for each of [`licences::SKUS`].
    pub licences: u16,
    /// When soft-deleted.
    pub deleted: Option<i64>,
    /// When created.
    pub created: i64,
    given: Name,
    surname: Name,
}

impl Person {
    /// The person at `index`, as generated.
    #[must_use]
    pub fn generated(index: u32, facts: &Facts) -> Self {
        let hash = mix(facts.seed, USER ^ 0xFF, u64::from(index));
        let kind = Kind::of(index, hash);
        let pick = |purpose, of: usize| {
            usize::try_from(mix(hash, purpose, 0) % of as u64).unwrap_or_default()
        };
        let age = i64::try_from(mix(hash, 0xA6E, 0) % 2_400).unwrap_or_default() + 3;
        Self {
            index,
            id: id_of(facts.seed, USER, index),
            hash,
            kind,
            licences: licences::generated(kind, hash, facts),
            deleted: None,
            created: facts.anchor - age * DAY + i64::from(index % 86_400),
            given: GIVEN[pick(1, GIVEN.len())],
            surname: SURNAMES[pick(2, SURNAMES.len())],
        }
    }

    /// The index that `id` names, whether or not there are that many users.
    #[must_use]
    pub fn index_of(id: Uuid, facts: &Facts) -> Option<u32> {
        index_of(facts.seed, USER, id)
    }

    /// A number below `below`, different for each `purpose`.
    #[must_use]
    pub fn roll(&self, purpose: u64, below: u64) -> u64 {
        mix(self.hash, purpose, 1) % below
    }

    /// Given name; odd people may have none.
    #[must_use]
    pub fn given_name(&self) -> Option<&'static str> {
        match self.kind {
            Kind::SharedMailbox | Kind::Sparse | Kind::Formula => None,
            Kind::RightToLeft => Some("יעל"),
            _ => Some(self.given.shown),
        }
    }

    /// Family name.
    #[must_use]
    pub fn surname(&self) -> Option<&'static str> {
        match self.kind {
            Kind::SharedMailbox | Kind::Sparse | Kind::Formula => None,
            Kind::Markup => Some("O'Neil & Søn</b>"),
            Kind::RightToLeft => Some("בן־דוד"),
            _ => Some(self.surname.shown),
        }
    }

    /// Display name.
    #[must_use]
    pub fn display_name(&self) -> String {
        match self.kind {
            Kind::Markup => format!("<b>{} O'Neil & Søn</b>", self.given.shown),
            Kind::RightToLeft => "\u{202B}יעל בן־דוד\u{202C}".to_owned(),
            Kind::Emoji => format!("{} 👩🏽\u{200D}🔧 {}", self.given.shown, self.surname.shown),
            Kind::Formula => format!("=HYPERLINK(\"https://x.example\",\"Nr {}\")", self.index),
            Kind::SharedMailbox => format!("Shared, \"Invoices\" {}", self.index),
            Kind::Sparse => format!("svc-{}", self.index),
            Kind::Guest => format!("{} {} (external)", self.given.shown, self.surname.shown),
            _ => [self.given.shown, " ", self.surname.shown].concat(),
        }
    }

    /// The part of the user principal name before the `@`, for members.
    #[must_use]
    pub fn alias(&self) -> String {
        use std::fmt::Write as _;
        let mut alias = String::with_capacity(40);
        match self.kind {
            Kind::SharedMailbox => alias.push_str("invoices"),
            Kind::Sparse => alias.push_str("svc-"),
            _ => {
                alias.push_str(self.given.ascii);
                alias.push('.');
                alias.push_str(self.surname.ascii);
            }
        }
        // The index keeps addresses unique, as real tenants do by hand. Writing to a string cannot fail.
        let _ = write!(alias, "{}", self.index);
        alias
    }

    /// User principal name.
    #[must_use]
    pub fn principal_name(&self, facts: &Facts) -> String {
        if self.kind == Kind::Guest {
            [
                &self.alias(),
                "_partner.example#EXT#@",
                &facts.initial_domain,
            ]
            .concat()
        } else {
            [&self.alias(), "@", &facts.domain].concat()
        }
    }

    /// Mail address, of those who have a mailbox.
    #[must_use]
    pub fn mail(&self, facts: &Facts) -> Option<String> {
        match self.kind {
            Kind::Guest => Some([&self.alias(), "@partner.example"].concat()),
            Kind::SharedMailbox => Some([&self.alias(), "@", &facts.domain].concat()),
            _ if licences::has_service(self.licences, "exchange") => {
                Some([&self.alias(), "@", &facts.domain].concat())
            }
            _ => None,
        }
    }

    /// Whether the account may sign in, as generated.
    #[must_use]
    pub fn enabled(&self) -> bool {
        !matches!(self.kind, Kind::Disabled | Kind::SharedMailbox)
    }

    /// `Guest` or `Member`.
    #[must_use]
    pub fn user_type(&self) -> &'static str {
        if self.kind == Kind::Guest {
            "Guest"
        } else {
            "Member"
        }
    }

    /// Whether the account comes from an on-premises directory.
    #[must_use]
    pub fn synced(&self) -> bool {
        self.kind == Kind::Member && self.roll(0x0A, 3) == 0
    }

    /// When the person signed in.
    #[must_use]
    pub fn sign_ins(&self, facts: &Facts) -> SignIns {
        match self.kind {
            Kind::NeverSignedIn | Kind::SharedMailbox => return SignIns::Absent,
            Kind::ZeroSignedIn => return SignIns::Zero,
            _ => {}
        }
        let ago = |purpose, days: u64| {
            i64::try_from(self.roll(purpose, days * 86_400)).unwrap_or_default()
        };
        // One in nine has been away for months.
        let days = if self.roll(0x51, 9) == 0 { 700 } else { 21 };
        let last = (facts.anchor - ago(0x52, days)).max(self.created);
        let successful = (last - ago(0x53, 2)).max(self.created);
        SignIns::At {
            last,
            successful: (self.roll(0x54, 11) != 0).then_some(successful),
            non_interactive: (self.roll(0x55, 6) != 0)
                .then_some((last - ago(0x56, 3)).max(self.created)),
        }
    }
}
