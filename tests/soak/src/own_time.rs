//! A runtime whose waits take no time: Microsoft, the store and the workers share one thread, and
//! when that thread has nothing left to do, its clock moves on.
//!
//! Tokio's paused clock by itself moves whenever the thread parks, even while an answer is on its
//! way through a socket, and so fires every time-out. Here a watcher looks first whether the thread
//! really sleeps: on one thread and the loopback interface nothing can be under way then.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Builder, sync::mpsc};

/// How often the watcher looks.
const LOOK: Duration = Duration::from_micros(150);
/// The clock's first step; each further one that wakes nobody is twice as long.
const STEP: Duration = Duration::from_millis(50);
/// Far below every time-out and life that the engine knows.
const LONGEST_STEP: Duration = Duration::from_secs(4);

/// What the watcher knows of the thread.
#[derive(Default)]
struct Thread {
    parks: AtomicU64,
    parked: AtomicBool,
    over: AtomicBool,
}

struct Over(Arc<Thread>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::SeqCst);
    }
}

/// The engine's futures are large where nothing is optimized.
const STACK: usize = 64 << 20;

/// Runs a future to its end in its own time, on a thread of its own.
///
/// # Panics
/// When the future does, or there is no thread for it.
pub fn run<F: Future>(work: impl FnOnce() -> F + Send) -> F::Output
where
    F::Output: Send,
{
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let thread = thread.spawn_scoped(scope, || run_here(work()));
        let ended = thread.expect("there is a thread").join();
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Runs a test's story so.
///
/// # Panics
/// With what went wrong, in words.
pub fn test<F: Future<Output = anyhow::Result<()>>>(story: impl FnOnce() -> F + Send) {
    crate::log();
    if let Err(why) = run(story) {
        panic!("{why:#}");
    }
}

fn run_here<T>(work: impl Future<Output = T>) -> T {
    let thread = Arc::new(Thread::default());
    let (at_park, at_unpark) = (Arc::clone(&thread), Arc::clone(&thread));
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .on_thread_park(move || {
            at_park.parks.fetch_add(1, Ordering::SeqCst);
            at_park.parked.store(true, Ordering::SeqCst);
        })
        .on_thread_unpark(move || at_unpark.parked.store(false, Ordering::SeqCst))
        .build()
        .expect("a runtime of one thread");
    // Also when the work panics: the runtime would wait for the watcher for ever.
    let _over = Over(Arc::clone(&thread));
    let result = runtime.block_on(async {
        let (ask, asked) = mpsc::unbounded_channel();
        let stat = stat_of_this_thread();
        let watched = Arc::clone(&thread);
        // A blocking task also keeps tokio from moving the clock by itself.
        tokio::task::spawn_blocking(move || watch(&watched, stat.as_deref(), &ask));
        tokio::spawn(move_on(asked));
        work.await
    });
    runtime.shutdown_background();
    result
}

/// Asks for a step whenever the thread sleeps.
fn watch(thread: &Thread, stat: Option<&str>, ask: &mpsc::UnboundedSender<u64>) {
    let mut asked_at = 0;
    while !thread.over.load(Ordering::SeqCst) {
        std::thread::sleep(LOOK);
        let parks = thread.parks.load(Ordering::SeqCst);
        let quiet = parks != asked_at
            && thread.parked.load(Ordering::SeqCst)
            && stat.is_none_or(sleeps)
            && thread.parks.load(Ordering::SeqCst) == parks;
        if quiet {
            asked_at = parks;
            if ask.send(parks).is_err() {
                return;
            }
        }
    }
}

async fn move_on(mut asked: mpsc::UnboundedReceiver<u64>) {
    let (mut step, mut before) = (STEP, 0);
    while let Some(parks) = asked.recv().await {
        // Nobody but this task has been awake since the last step.
        let idle = parks <= before + 2;
        step = if idle {
            (step * 2).min(LONGEST_STEP)
        } else {
            STEP
        };
        before = parks;
        tokio::time::advance(step).await;
    }
}

/// Where Linux tells whether a thread runs; elsewhere being parked has to do.
fn stat_of_this_thread() -> Option<String> {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
    let id = stat.split(' ').next()?;
    Some(format!("/proc/self/task/{id}/stat"))
}

fn sleeps(stat: &str) -> bool {
    std::fs::read_to_string(stat).is_ok_and(|stat| {
        let after_name = stat.rsplit_once(") ").map(|(_, rest)| rest);
        after_name.is_none_or(|rest| rest.starts_with('S'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        time::Instant,
    };

    #[test]
    fn an_hour_passes_at_once_and_a_socket_is_not_overtaken() {
        let began = std::time::Instant::now();
        let slept = run(async || {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?;
            tokio::spawn(async move {
                while let Ok((mut from, _)) = listener.accept().await {
                    let mut byte = [0];
                    while from.read_exact(&mut byte).await.is_ok() {
                        from.write_all(&byte).await.ok();
                    }
                }
            });
            let mut to = TcpStream::connect(address).await?;
            for _ in 0..100 {
                to.write_all(&[7]).await?;
                let mut byte = [0];
                let answer = to.read_exact(&mut byte);
                tokio::time::timeout(Duration::from_millis(50), answer).await??;
            }
            let at = Instant::now();
            tokio::time::sleep(Duration::from_secs(3600)).await;
            std::io::Result::Ok(at.elapsed())
        });
        assert!(slept.expect("the socket answers in time") >= Duration::from_secs(3600));
        assert!(
            began.elapsed() < Duration::from_secs(600),
            "it was waited for"
        );
    }
}
