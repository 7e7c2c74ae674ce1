//! Checks that `muster serve` listens at the address it was given, and nowhere else. No page in a browser and
//! no other user of the machine can reach what does not listen.

use anyhow::{Context, Result};
use microsoft_simulator::{Options, Simulator};
use muster::DataDir;
use muster_it::Served;
use std::{collections::BTreeSet, fs};

/// The local addresses of the TCP and Unix sockets on which a process listens.
///
/// Shapes: proc_pid_fd(5), proc_pid_net(5). A TCP socket listens in the state `0A`, a Unix socket with
/// the flag `00010000`.
fn listening(process: u32) -> Result<BTreeSet<String>> {
    let mut sockets = BTreeSet::new();
    for descriptor in fs::read_dir(format!("/proc/{process}/fd"))? {
        // A descriptor may be closed meanwhile.
        if let Ok(target) = fs::read_link(descriptor?.path()) {
            let target = target.to_string_lossy().into_owned();
            sockets.extend(
                target
                    .strip_prefix("socket:[")
                    .map(|id| id.trim_end_matches(']').to_owned()),
            );
        }
    }
    let mut found = BTreeSet::new();
    for table in ["tcp", "tcp6", "unix"] {
        let lines = fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default();
        for line in lines.lines().skip(1) {
            let cells: Vec<&str> = line.split_whitespace().collect();
            let (listens, inode, address) = match table {
                "unix" => (
                    cells.get(3) == Some(&"00010000"),
                    cells.get(6),
                    cells.get(7),
                ),
                _ => (cells.get(3) == Some(&"0A"), cells.get(9), cells.get(1)),
            };
            if listens && inode.is_some_and(|inode| sockets.contains(*inode)) {
                found.insert(format!("{table} {}", address.copied().unwrap_or("unnamed")));
            }
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_listens_at_its_own_address_alone() -> Result<()> {
    let simulator = Simulator::start(Options::default()).await?;
    let folder = tempfile::tempdir()?;
    let served = Served::start(folder.path(), &simulator).await?;
    let base = DataDir::open(Some(served.data().to_owned()), "unused")?.address();
    let base: reqwest::Url = base.context("it has an address")?.parse()?;
    let port = base.port().context("a port")?;
    let process = served.id().context("it runs")?;
    let expected = BTreeSet::from([format!("tcp 0100007F:{port:04X}")]);
    assert_eq!(listening(process)?, expected);
    Ok(())
}
