//! What goes wrong, and when: all of it follows from one seed.

use crate::{
    dice::Dice,
    door::{Calls, StoreFault},
    rig::Setup,
};
use microsoft_simulator::{Fault, FaultKind};
use muster_platform::now;
use std::{fmt, time::Duration};

/// One seed's schedule.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The seed.
    pub seed: u64,
    /// The tenant.
    pub setup: Setup,
    /// How the worker or the two workers differ in their clocks, in seconds; a sole worker has no
    /// rival, and takes its own lease again.
    pub workers: Workers,
    /// What happens one after another; a last sync without faults follows.
    pub rounds: Vec<Round>,
}

/// Who works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// One process that is the only one.
    Sole,
    /// Two environments, the second so many seconds ahead.
    Two {
        /// Seconds.
        skew: i64,
    },
}

/// One delivery, or two at once.
#[derive(Debug, Clone)]
pub struct Round {
    /// What happens to the tenant before.
    pub before: Vec<Edit>,
    /// What goes wrong at Microsoft's.
    pub graph: Vec<Fault>,
    /// What goes wrong at the first worker's door, and at the second's.
    pub store: Vec<(usize, Calls, u32, u32, StoreFault)>,
    /// What happens in the middle.
    pub events: Vec<Event>,
    /// Whether both workers get the message, the second so much later.
    pub both: Option<Duration>,
    /// The message was sent so many seconds ago, where the queue says so.
    pub sent_ago: Option<i64>,
    /// The message comes twice, one after the other.
    pub twice: bool,
    /// The function's time is up from the beginning.
    pub no_time: bool,
    /// The time until the next round: leases lapse in longer ones.
    pub pause: Duration,
    /// Whether a person asks, so that everything is due.
    pub asked: bool,
    /// How far Microsoft's clock moves on before, so that tokens of all kinds age.
    pub ages: Duration,
}

/// What happens in the middle of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The process dies at this Graph request.
    CrashAtRequest(u32),
    /// The process dies after this write.
    CrashAfterWrite(u32),
    /// The process is told to stop at this Graph request.
    StopAtRequest(u32),
    /// Every access token becomes worthless at this Graph request.
    TokensExpireAt(u32),
    /// The tenant changes at this Graph request.
    EditAt(u32, Edit),
}

/// A change of the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// So many users get another job title, and sign in.
    Change(u32),
    /// So many users come.
    Add(u32),
    /// So many users go, to come back perhaps.
    Delete(u32),
    /// One user goes and comes back.
    DeleteAndRestore,
    /// One user goes for good.
    Purge,
    /// One user gets a licence.
    License,
    /// One user's name is cut within an emoji.
    CutEmoji,
    /// One user's name grows beyond what an item may hold.
    Oversize,
}

/// Datasets that are cheap to read whole, users first.
const OTHERS: [&str; 10] = [
    "subscribed_skus",
    "organization",
    "sign_in_activity",
    "mfa_registration",
    "managed_devices",
    "detected_apps",
    "mobile_apps",
    "active_users",
    "report_settings",
    "applications",
];

/// Where a fault may strike; the empty path is everything.
const PATHS: [&str; 9] = [
    "",
    "/v1.0/",
    "users/delta",
    "users/delta",
    "skiptoken",
    "deltatoken",
    "oauth2",
    "reports/",
    "deviceManagement",
];

impl Schedule {
    /// The schedule of a seed.
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::of(seed);
        let mut datasets = Vec::new();
        if dice.percent(85) {
            datasets.push("users");
        }
        for _ in 0..dice.between(u32::from(datasets.is_empty()), 2) {
            let other = *dice.one(&OTHERS);
            if !datasets.contains(&other) {
                datasets.push(other);
            }
        }
        let setup = Setup {
            users: dice.between(1, 18),
            largest_page: *dice.one(&[2, 3, 5, 9]),
            datasets,
            microsoft_skew: *dice.one(&[0, 0, 600, -600]),
            seed,
            tenant: 7,
        };
        let workers = if dice.percent(40) {
            Workers::Sole
        } else {
            Workers::Two {
                skew: *dice.one(&[0, 0, 30, 600, 600, -600]),
            }
        };
        let rounds = (0..dice.between(1, 4)).map(|_| round(&mut dice, workers));
        let mut rounds: Vec<Round> = rounds.collect();
        for round in &mut rounds {
            if dice.percent(8) {
                round
                    .before
                    .push(*dice.one(&[Edit::CutEmoji, Edit::Oversize]));
            }
        }
        Self {
            seed,
            setup,
            workers,
            rounds,
        }
    }
}

fn round(dice: &mut Dice, workers: Workers) -> Round {
    let some = |dice: &mut Dice, percent, most| {
        if dice.percent(percent) {
            dice.between(1, most)
        } else {
            0
        }
    };
    let edits = some(dice, 60, 3);
    let before = (0..edits).map(|_| edit(dice)).collect();
    let faults = some(dice, 70, 3);
    let graph = (0..faults).map(|_| graph_fault(dice)).collect();
    let faults = some(dice, 45, 3);
    let store = (0..faults).map(|_| store_fault(dice)).collect();
    let count = some(dice, 60, 2);
    let events = (0..count).map(|_| event(dice, workers)).collect();
    let two = matches!(workers, Workers::Two { .. });
    Round {
        before,
        graph,
        store,
        events,
        both: (two && dice.percent(60))
            .then(|| Duration::from_millis(*dice.one::<u64>(&[0, 1, 40, 700, 20_000]))),
        sent_ago: dice
            .percent(50)
            .then(|| *dice.one::<i64>(&[0, 30, 30, 4000])),
        twice: dice.percent(15),
        no_time: dice.percent(12),
        pause: Duration::from_secs(*dice.one::<u64>(&[0, 0, 5, 70])),
        asked: dice.percent(60),
        ages: Duration::from_secs(*dice.one::<u64>(&[0, 0, 0, 300, 4000, 8 * 86_400])),
    }
}

fn edit(dice: &mut Dice) -> Edit {
    match dice.between(1, 10) {
        1..=4 => Edit::Change(dice.between(1, 6)),
        5 | 6 => Edit::Add(dice.between(1, 4)),
        7 => Edit::Delete(dice.between(1, 3)),
        8 => Edit::DeleteAndRestore,
        9 => Edit::Purge,
        _ => Edit::License,
    }
}

fn event(dice: &mut Dice, workers: Workers) -> Event {
    let at = dice.between(1, 12);
    match dice.between(1, 8) {
        1 | 2 => Event::CrashAfterWrite(at),
        3 => Event::CrashAtRequest(at),
        4 if workers == Workers::Sole => Event::StopAtRequest(at),
        5 => Event::TokensExpireAt(at),
        _ => Event::EditAt(at, edit(dice)),
    }
}

fn graph_fault(dice: &mut Dice) -> Fault {
    let path = *dice.one(&PATHS);
    let told = match dice.between(1, 7) {
        1 => None,
        2 => Some("0".to_owned()),
        3 => Some("2".to_owned()),
        4 => Some("95".to_owned()),
        5 => Some("soon".to_owned()),
        6 => Some("3600".to_owned()),
        _ => {
            let at = now().as_second() + *dice.one::<i64>(&[2, 30, 570, 0]);
            let at = jiff::Timestamp::from_second(at).unwrap_or_default();
            Some(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        }
    };
    let kind = match dice.between(1, 18) {
        1 | 2 => FaultKind::Status(429, told),
        3 => FaultKind::Status(503, told),
        4 => FaultKind::Status(500, None),
        5 => FaultKind::Status(504, None),
        6 => FaultKind::HtmlBody(503),
        7 | 8 => FaultKind::Truncate,
        9 => FaultKind::GarbleJson,
        10 => FaultKind::HalfGzip,
        11 | 12 => FaultKind::Reset,
        13 => FaultKind::Hang(Duration::from_secs(*dice.one::<u64>(&[1, 20, 70]))),
        14 => FaultKind::SyncStateNotFound,
        15 => FaultKind::Status(410, None),
        16 => FaultKind::NonPremium,
        17 => FaultKind::ForeignNextLink("evil.example".to_owned()),
        _ => FaultKind::Status(*dice.one::<u16>(&[400, 403, 404, 502]), None),
    };
    Fault {
        path_contains: path.to_owned(),
        from: dice.between(1, 9),
        count: *dice.one(&[1, 1, 1, 2, 4, 40]),
        kind,
    }
}

fn store_fault(dice: &mut Dice) -> (usize, Calls, u32, u32, StoreFault) {
    let fault = match dice.between(1, 10) {
        1 | 2 => StoreFault::Throttled,
        3 | 4 => StoreFault::HalfProcessed,
        5 => StoreFault::ServerError,
        6 => StoreFault::Reset,
        7 => StoreFault::DoneThenReset,
        _ => StoreFault::Late(Duration::from_millis(
            *dice.one::<u64>(&[30, 900, 8000, 25_000]),
        )),
    };
    let calls = match fault {
        StoreFault::Late(_) => Calls::RecordWrites,
        _ => *dice.one(&[Calls::All, Calls::Writes, Calls::RecordWrites]),
    };
    let worker = dice.between(0, 1) as usize;
    (
        worker,
        calls,
        dice.between(1, 12),
        *dice.one(&[1, 1, 1, 3, 12]),
        fault,
    )
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: {:?}, {:?}",
            self.seed, self.setup, self.workers
        )?;
        for round in &self.rounds {
            writeln!(f, "  {round:?}")?;
        }
        Ok(())
    }
}
