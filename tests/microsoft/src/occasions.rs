//! What a test does to the world at a certain request, before it is answered.

use std::fmt;
use std::sync::{Mutex, PoisonError};

type Act = Box<dyn FnOnce() + Send>;

/// Acts that wait for their request.
#[derive(Default)]
pub(crate) struct Occasions(Mutex<Vec<Occasion>>);

struct Occasion {
    path_contains: String,
    left: u32,
    act: Act,
}

impl Occasions {
    /// Keeps an act until the `nth` request from now, counted from 1, whose path and query contain
    /// this.
    pub(crate) fn add(&self, path_contains: &str, nth: u32, act: Act) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(Occasion {
            path_contains: path_contains.to_owned(),
            left: nth.max(1),
            act,
        });
    }

    /// Forgets what has not happened.
    pub(crate) fn clear(&self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.clear();
    }

    /// Counts a request, and does what is due at it.
    pub(crate) fn reach(&self, path_and_query: &str) {
        let mut due: Vec<Act> = Vec::new();
        {
            let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let mut i = 0;
            while i < waiting.len() {
                if path_and_query.contains(&waiting[i].path_contains) {
                    waiting[i].left -= 1;
                    if waiting[i].left == 0 {
                        due.push(waiting.remove(i).act);
                        continue;
                    }
                }
                i += 1;
            }
        }
        // Outside of the lock: an act may add another.
        for act in due {
            act();
        }
    }
}

impl fmt::Debug for Occasions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        write!(f, "Occasions({waiting})")
    }
}
