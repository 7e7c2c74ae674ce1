//! What `make bench` measures: the engine, and nothing else in its process. It syncs one tenant, by as
//! many invocations as it takes, and prints what it did.

use anyhow::{Context, Result};
use muster_bench::engine;

fn main() -> Result<()> {
    let task = std::env::args()
        .nth(1)
        .context("a task, as `bench` gives it")?;
    // As the function on Lambda, which has less than one processor.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(engine::run(&task))
}
