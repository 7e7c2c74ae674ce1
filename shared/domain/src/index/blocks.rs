//! Sorted pairs in small blocks: a list of all would be there twice whenever it grows.

use super::{GONE, PAIR_BYTES, Pair};

/// Pairs a block, at most: 8 KB, so that one more is put in its place for little.
const BLOCK: usize = 512;
/// A block grows by so many, so that what it leaves behind fits the next one.
const STEP: usize = 64;

/// The pairs of an index, by key.
#[derive(Debug, Clone, Default)]
pub(super) struct Blocks {
    /// None is empty, and each begins after the last one's end.
    blocks: Vec<Vec<Pair>>,
    live: u64,
}

impl Blocks {
    /// All, in the order of their keys; those that are gone as well.
    pub fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.blocks.iter().flatten()
    }

    /// The same, to change what follows a key.
    pub fn pairs_mut(&mut self) -> impl Iterator<Item = &mut Pair> {
        self.blocks.iter_mut().flatten()
    }

    /// How many are not gone.
    pub fn live(&self) -> u64 {
        self.live
    }

    /// Bytes that they take in memory.
    pub fn memory(&self) -> usize {
        let held: usize = self.blocks.iter().map(Vec::capacity).sum();
        held * PAIR_BYTES + self.blocks.capacity() * size_of::<Vec<Pair>>()
    }

    /// The block that a key belongs to, where there is any, and its place there.
    fn place(&self, key: u64) -> (usize, Result<usize, usize>) {
        let after = self.blocks.partition_point(|block| block[0][0] <= key);
        let block = after.saturating_sub(1);
        let at = self.blocks.get(block).map_or(Err(0), |block| {
            block.binary_search_by_key(&key, |pair| pair[0])
        });
        (block, at)
    }

    /// What stands beside a key; [`GONE`] where nothing does.
    pub fn get(&self, key: u64) -> u64 {
        let (block, at) = self.place(key);
        at.map_or(GONE, |at| self.blocks[block][at][1])
    }

    /// Puts it beside a key; what stood there before.
    pub fn set(&mut self, key: u64, now: u64) -> u64 {
        let before = match self.place(key) {
            (block, Ok(at)) => std::mem::replace(&mut self.blocks[block][at][1], now),
            (block, Err(at)) => {
                self.insert(block, at, [key, now]);
                GONE
            }
        };
        self.live += u64::from(now != GONE);
        self.live -= u64::from(before != GONE);
        before
    }

    /// Puts a pair in its place. A full block is cut in two; where the pair comes after it, as in a list
    /// that is read in order, it stays full.
    fn insert(&mut self, mut block: usize, mut at: usize, pair: Pair) {
        match self.blocks.get_mut(block) {
            None => self.blocks.push(Vec::new()),
            Some(full) if full.len() == BLOCK => {
                let cut = if at == BLOCK { BLOCK } else { BLOCK / 2 };
                let upper = full.split_off(cut);
                full.shrink_to_fit();
                self.blocks.insert(block + 1, upper);
                if at >= cut {
                    (block, at) = (block + 1, at - cut);
                }
            }
            Some(_) => {}
        }
        let block = &mut self.blocks[block];
        if block.len() == block.capacity() {
            block.reserve_exact(STEP);
        }
        block.insert(at, pair);
    }
}
