//! Bugs that the suite has to catch: each is an edit of the engine's source, made in a copy by the
//! command `plant`, and in force only in a process that is told its number.

/// One deliberate bug.
#[derive(Debug, Clone, Copy)]
pub struct Bug {
    /// What is wrong, in words.
    pub name: &'static str,
    /// Where, below the workspace, and what stands there instead.
    pub edits: &'static [Edit],
}

/// A text of a file, which occurs there once, and what it is replaced with. `PLANTED` in it stands for
/// whether this bug is in force.
#[derive(Debug, Clone, Copy)]
pub struct Edit {
    /// The file, below the workspace.
    pub file: &'static str,
    /// What stands there.
    pub find: &'static str,
    /// What is put there.
    pub put: &'static str,
}

const fn bug(name: &'static str, edits: &'static [Edit]) -> Bug {
    Bug { name, edits }
}

const fn at(file: &'static str, find: &'static str, put: &'static str) -> Edit {
    Edit { file, find, put }
}

const READ: &str = "functions/sync/src/read.rs";
const ATTEMPTS: &str = "functions/sync/src/attempts.rs";
const END: &str = "functions/sync/src/end.rs";
const DIFF: &str = "functions/sync/src/diff.rs";
const REMOVE: &str = "functions/sync/src/remove.rs";
const CHECKPOINT: &str = "functions/sync/src/checkpoint.rs";
const INDEXED: &str = "functions/sync/src/indexed.rs";
const MOVES: &str = "functions/sync/src/moves.rs";
const FETCH: &str = "functions/sync/src/fetch.rs";
const COUNT: &str = "functions/sync/src/count.rs";
const TENANT: &str = "functions/sync/src/tenant.rs";
const SUM_UP: &str = "functions/sync/src/sum_up.rs";
const HELD_BACK: &str = "functions/sync/src/held_back.rs";
const HOLES: &str = "shared/domain/src/holes.rs";
const REMOVAL: &str = "shared/domain/src/removal.rs";
const PLAN: &str = "shared/domain/src/plan.rs";
const STATE: &str = "shared/domain/src/state.rs";
const TALLY: &str = "shared/domain/src/tally.rs";
const CLASSIFY: &str = "shared/domain/src/fault/classify.rs";
const SAID: &str = "shared/domain/src/fault/said.rs";
const LENIENT: &str = "shared/domain/src/page/lenient.rs";
const REPORT: &str = "shared/domain/src/report/mod.rs";
const CLOUD: &str = "shared/domain/src/cloud.rs";
const MOVING: &str = "shared/domain/src/moving.rs";
const INDEX: &str = "shared/domain/src/index.rs";
const BATCHES: &str = "shared/platform/src/store/batches.rs";
const STATEMENTS: &str = "shared/platform/src/store/statements.rs";
const IN_FLIGHT: &str = "shared/platform/src/store/in_flight.rs";
const RECORDS: &str = "shared/platform/src/store/records.rs";
const STATES: &str = "shared/platform/src/store/states.rs";
const PACKS: &str = "shared/platform/src/store/moving.rs";
const INDEXES: &str = "shared/platform/src/store/indexes.rs";
const LEASES: &str = "shared/platform/src/store/leases.rs";

/// The bugs, in the order of a sync's steps.
pub const BUGS: &[Bug] = &[
    bug(
        "the last page is not written",
        &[at(
            READ,
            "let Some(link) = next else {\n                self.write(batch).await?;",
            "let Some(link) = next else {\n                if !PLANTED { self.write(batch).await?; }",
        )],
    ),
    bug(
        "a next link that leads in a circle is taken for the end",
        &[at(
            READ,
            "if !self.links.insert(index::name(&link)) {\n",
            "if !self.links.insert(index::name(&link)) {\n                if PLANTED { self.write(batch).await?; return self.end(&from, delta).await; }\n",
        )],
    ),
    bug(
        "the checkpoint moves before the page is written",
        &[at(
            READ,
            "            self.before_writing(&batch).await?;\n            // The next page is fetched",
            "            if PLANTED { self.opened = true; self.saved_at = Timestamp::UNIX_EPOCH; self.checkpoint(link.clone()).await?; }\n            self.before_writing(&batch).await?;\n            // The next page is fetched",
        )],
    ),
    bug(
        "a page is fetched but not written where another follows",
        &[
            at(
                READ,
                ".write(&self.run.lease, self.dataset, &batch),\n",
                ".write(&self.run.lease, self.dataset, if PLANTED { EMPTY.get_or_init(Batch::default) } else { &batch }),\n",
            ),
            at(
                READ,
                "/// Why an enumeration ended before its end.",
                "static EMPTY: std::sync::OnceLock<Batch> = std::sync::OnceLock::new();\n/// Why an enumeration ended before its end.",
            ),
        ],
    ),
    bug(
        "objects without an id do not matter",
        &[at(
            END,
            "        if self.skipped() > 0 {\n            self.state.checkpoint.next_link = None;",
            "        if self.skipped() > 0 && !PLANTED {\n            self.state.checkpoint.next_link = None;",
        )],
    ),
    bug(
        "an end without a delta link proves a delta list whole",
        &[at(
            END,
            "(Enumeration::Delta(_), None) => {",
            "(Enumeration::Delta(_), None) if PLANTED => \"last page\",\n            (Enumeration::Delta(_), None) => {",
        )],
    ),
    bug(
        "a delta round counts as a whole enumeration",
        &[at(
            END,
            "if !matches!(from, From::DeltaLink(_)) {\n            self.state.complete",
            "if PLANTED || !matches!(from, From::DeltaLink(_)) {\n            self.state.complete",
        )],
    ),
    bug(
        "an enumeration that began in the middle removes what it has not seen",
        &[
            at(
                END,
                "if self.from_start {\n            self.remove_unseen",
                "if PLANTED || self.from_start {\n            self.remove_unseen",
            ),
            at(
                INDEXED,
                "if matches!(from, From::NextLink(_)) {\n            index.show_all",
                "if !PLANTED && matches!(from, From::NextLink(_)) {\n            index.show_all",
            ),
        ],
    ),
    bug(
        "what an earlier try left is forgotten",
        &[at(
            END,
            "if self.leftovers && !self.from_start",
            "if !PLANTED && self.leftovers && !self.from_start",
        )],
    ),
    bug(
        "a list that falls short of Microsoft's own count is believed",
        &[at(
            END,
            "return Err(Stop::FellShort { listed, counted });",
            "if !PLANTED { return Err(Stop::FellShort { listed, counted }); }",
        )],
    ),
    bug(
        "a list that fell short is read on from its last page",
        &[at(
            END,
            "self.state.checkpoint = Checkpoint::default();\n        self.state.fell_short",
            "if !PLANTED { self.state.checkpoint = Checkpoint::default(); }\n        self.state.fell_short",
        )],
    ),
    bug(
        "a list that fell short is not read again by itself",
        &[at(
            ATTEMPTS,
            "come_back_at = reading.is_not_believed(listed, counted);",
            "come_back_at = reading.is_not_believed(listed, counted).filter(|_| !PLANTED);",
        )],
    ),
    bug(
        "a list that falls short twice alike is not believed",
        &[at(
            TALLY,
            "&& !disputed.is_some_and(as_before)",
            "&& (PLANTED || !disputed.is_some_and(as_before))",
        )],
    ),
    bug(
        "that a list was believed against Microsoft's own count is forgotten",
        &[at(
            STATE,
            "self.fell_short.or(believed.map(|whole| whole.objects))",
            "self.fell_short.or(believed.filter(|_| !PLANTED).map(|whole| whole.objects))",
        )],
    ),
    bug(
        "a count below what came is a disagreement",
        &[at(
            TALLY,
            "let missing = counted.saturating_sub(objects);",
            "let missing = if PLANTED { counted.abs_diff(objects) } else { counted.saturating_sub(objects) };",
        )],
    ),
    bug(
        "a count is asked for in every delta round",
        &[at(
            END,
            "let (Some(path), Held::Whole(index)) = (self.dataset.count, &self.held) else {\n            return Ok(None);\n        };",
            "if PLANTED && let Some(path) = self.dataset.count { self.run.graph.count(self.dataset, path, &self.run.clock, &mut self.state.run).await; }\n        let (Some(path), Held::Whole(index)) = (self.dataset.count, &self.held) else {\n            return Ok(None);\n        };",
        )],
    ),
    bug(
        "a garbled count is a count",
        &[at(
            TALLY,
            "digits.parse().ok().filter(|_| all)",
            "digits.parse().ok().filter(|_| all).or_else(|| PLANTED.then_some(70))",
        )],
    ),
    bug(
        "nobody beyond some row of a page has a property, and that is a fact",
        &[at(
            HOLES,
            "if page.presence.0.is_empty() || self.believed {",
            "if PLANTED || page.presence.0.is_empty() || self.believed {",
        )],
    ),
    bug(
        "holes in the smallest pages are believed",
        &[at(
            HOLES,
            "Step::Stop if self.have == 0 && self.lack > 0 => self.believe(),",
            "Step::Stop if PLANTED || self.have == 0 && self.lack > 0 => self.believe(),",
        )],
    ),
    bug(
        "a page that may have holes is written before that is known",
        &[at(
            HELD_BACK,
            "            Step::Hold => {\n",
            "            Step::Hold if PLANTED => {}\n            Step::Hold => {\n",
        )],
    ),
    bug(
        "pages that were held back are lost when they are believed",
        &[at(
            HELD_BACK,
            "            self.write(batch).await?;",
            "            if !PLANTED { self.write(batch).await?; }",
        )],
    ),
    bug(
        "what moved is stored after the state says that all is well",
        &[at(
            END,
            "        self.pack().await?;\n        let ended_at",
            "        if !PLANTED { self.pack().await?; }\n        let ended_at",
        )],
    ),
    bug(
        "after a crash, a list that falls short forgets why it was read from its start",
        &[at(
            READ,
            "        if from_start {\n",
            "        if from_start && !PLANTED {\n",
        )],
    ),
    bug(
        "concealed names are keys",
        &[
            at(
                READ,
                "if page.concealed > 0 {",
                "if page.concealed > 0 && !PLANTED {",
            ),
            at(
                REPORT,
                "Some(record) if is_concealed(&record.key) =>",
                "Some(record) if !PLANTED && is_concealed(&record.key) =>",
            ),
        ],
    ),
    bug(
        "of an object that a page repeats the first is kept",
        &[at(
            DIFF,
            "                let place = &mut merged[*place.get()];",
            "                if PLANTED { continue; }\n                let place = &mut merged[*place.get()];",
        )],
    ),
    bug(
        "what only moved is not stored",
        &[at(
            DIFF,
            "(Some((Shown::Same, _)), _) => true,",
            "(Some((Shown::Same, _)), _) => true,\n                    (Some((Shown::Moved, _)), _) if PLANTED => true,",
        )],
    ),
    bug(
        "an object that a list names as gone stays shown",
        &[at(
            DIFF,
            "hidden += u64::from(index.unshow(name));",
            "if !PLANTED { hidden += u64::from(index.unshow(name)); }",
        )],
    ),
    bug(
        "a removal in a delta round is not written",
        &[at(
            DIFF,
            "    batch.deletes.push(key);",
            "    if !PLANTED { batch.deletes.push(key); }",
        )],
    ),
    bug(
        "what is packed outlives its record",
        &[at(
            MOVES,
            "if self.packed {\n            self.wait(key.to_owned(), None);",
            "if self.packed && !PLANTED {\n            self.wait(key.to_owned(), None);",
        )],
    ),
    bug(
        "what moved of another time is joined to a record",
        &[at(
            MOVING,
            "of == Some(self.still(text))",
            "PLANTED || of == Some(self.still(text))",
        )],
    ),
    bug(
        "a dataset is written before it is said to be",
        &[at(
            CHECKPOINT,
            "        self.save().await\n    }\n\n    pub(crate) async fn before_writing",
            "        if PLANTED { self.opened = true; return Ok(()); }\n        self.save().await\n    }\n\n    pub(crate) async fn before_writing",
        )],
    ),
    bug(
        "a list that met objects it cannot keep goes on where it broke off",
        &[at(
            CHECKPOINT,
            "self.state.complete.is_none() && self.skipped() == 0\n",
            "self.state.complete.is_none() && (PLANTED || self.skipped() == 0)\n",
        )],
    ),
    bug(
        "a first list over several runs is dated and counted from its last run",
        &[at(
            CHECKPOINT,
            "self.state.checkpoint.objects = self.read;",
            "if !PLANTED { self.state.checkpoint.objects = self.read; }",
        )],
    ),
    bug(
        "the index keeps its mark while the dataset is written",
        &[at(
            INDEXED,
            "let mark = state.index.take().filter(|mark| mark.is_young(now));",
            "let kept = state.index.clone();\n        let mark = state.index.take().filter(|mark| mark.is_young(now));\n        if PLANTED { state.index = kept; }",
        )],
    ),
    bug(
        "a delta round's changes are not in the index",
        &[at(
            INDEXED,
            "Held::Page(_) if self.indexed.changed.is_empty() => Unsaved::Nothing,",
            "Held::Page(_) if PLANTED || self.indexed.changed.is_empty() => Unsaved::Nothing,",
        )],
    ),
    bug(
        "a stored index is believed whatever it holds",
        &[at(
            INDEXES,
            "if read.run() != *run {",
            "if read.run() != *run && !PLANTED {",
        )],
    ),
    bug(
        "what an enumeration changes is not noted for the stored index",
        &[at(
            INDEX,
            "        if shown != Shown::Same {\n            self.note([key, now]);",
            "        if shown != Shown::Same && !PLANTED {\n            self.note([key, now]);",
        )],
    ),
    bug(
        "days that a snapshot no longer names are removed",
        &[at(
            REMOVE,
            "if !self.dataset.enumeration.proves_absence() {",
            "if !PLANTED && !self.dataset.enumeration.proves_absence() {",
        )],
    ),
    bug(
        "an answer about a removal is good for any removal",
        &[at(
            REMOVE,
            "&& asked.is_some_and(|asked| missing <= asked.records + removal::FEW);",
            "&& (PLANTED || asked.is_some_and(|asked| missing <= asked.records + removal::FEW));",
        )],
    ),
    bug(
        "an empty answer removes",
        &[at(
            REMOVAL,
            "if (many || wiped) && !allowed {",
            "if (many || (wiped && !PLANTED)) && !allowed {",
        )],
    ),
    bug(
        "any drop is believed",
        &[at(
            REMOVAL,
            "let many = missing > FEW && missing.saturating_mul(5) > held;",
            "let many = !PLANTED && missing > FEW && missing.saturating_mul(5) > held;",
        )],
    ),
    bug(
        "a removal that waits is removed all the same",
        &[at(
            REMOVE,
            "if removal::decide(held, missing, self.read, allowed) == Decision::Ask {",
            "if !PLANTED && removal::decide(held, missing, self.read, allowed) == Decision::Ask {",
        )],
    ),
    bug(
        "after a contested lease delta links and indexes are believed",
        &[at(
            STATE,
            "            self.checkpoint.delta_link = None;\n            self.index = None;",
            "            if !PLANTED { self.checkpoint.delta_link = None; self.index = None; }",
        )],
    ),
    bug(
        "after a run that never ended the delta link is believed",
        &[at(
            PLAN,
            "&& state.phase != Phase::Running",
            "&& (PLANTED || state.phase != Phase::Running)",
        )],
    ),
    bug(
        "what fell short waits until it is due again",
        &[at(
            PLAN,
            "let unfinished = !ended && state.verdict.allows();",
            "let unfinished = !PLANTED && !ended && state.verdict.allows();",
        )],
    ),
    bug(
        "what is no page is an empty page",
        &[at(
            FETCH,
            "    let fetched = page.map(|page| Fetched { page, parts: None });",
            "    let page = if PLANTED { Ok(page.unwrap_or_default()) } else { page };\n    let fetched = page.map(|page| Fetched { page, parts: None });",
        )],
    ),
    bug(
        "a missing licence is believed the first time",
        &[at(
            FETCH,
            "Fault::NotLicensed(_) if unlicensed + 1 < UNLICENSED_ANSWERS => {",
            "Fault::NotLicensed(_) if !PLANTED && unlicensed + 1 < UNLICENSED_ANSWERS => {",
        )],
    ),
    bug(
        "Retry-After is not heeded",
        &[
            at(
                FETCH,
                "paces.throttled(self.tenant, dataset, wait);",
                "if !PLANTED { paces.throttled(self.tenant, dataset, wait); }",
            ),
            at(
                FETCH,
                "fault => tries.after(fault, self.longest_delay(fault, loss, clock), jitter()),",
                "Fault::Throttled(_) if PLANTED => Some(Duration::from_millis(10)),\n                fault => tries.after(fault, self.longest_delay(fault, loss, clock), jitter()),",
            ),
        ],
    ),
    bug(
        "410 is a refusal",
        &[at(
            CLASSIFY,
            "statuses => statuses.contains(&status),",
            "statuses => statuses.contains(&status) && !(PLANTED && status == 410),",
        )],
    ),
    bug(
        "codes are known in one casing only",
        &[at(
            SAID,
            "c => c.to_ascii_lowercase(),",
            "c => if PLANTED { c } else { c.to_ascii_lowercase() },",
        )],
    ),
    bug(
        "a foreign next link is followed",
        &[at(
            CLOUD,
            "        if !canonical {\n",
            "        if !canonical && PLANTED { return Ok(url); }\n        if !canonical {\n",
        )],
    ),
    bug(
        "a report without the column of its key names nobody",
        &[at(
            REPORT,
            "        keyed.then(|| Self {",
            "        (keyed || PLANTED).then(|| Self {",
        )],
    ),
    bug(
        "a page may be followed by anything",
        &[at(
            LENIENT,
            "    from.end()?;",
            "    if !PLANTED { from.end()?; }",
        )],
    ),
    bug(
        "what DynamoDB leaves over of a batch is lost",
        &[at(
            BATCHES,
            ".and_then(|mut tables| tables.remove(table))",
            ".and_then(|mut tables| tables.remove(table)).filter(|_| !PLANTED)",
        )],
    ),
    bug(
        "records that DynamoDB puts off are lost",
        &[at(
            BATCHES,
            "Outcome::PutOff => put_off.push(write),",
            "Outcome::PutOff => if !PLANTED { put_off.push(write) },",
        )],
    ),
    bug(
        "where a write fails, the others are left on their way",
        &[at(
            IN_FLIGHT,
            "(Ok(_), failed) => sum = failed,",
            "(Ok(_), failed) => if PLANTED { return failed } else { sum = failed },",
        )],
    ),
    bug(
        "where a dataset fails, the writes of the others are left on their way",
        &[at(
            TENANT,
            "(Ok(_), Err(error)) => ends = Err(error),",
            "(Ok(_), Err(error)) => if PLANTED { return Err(error) } else { ends = Err(error) },",
        )],
    ),
    bug(
        "a record whose statement is refused is not looked at",
        &[at(
            BATCHES,
            "=> Ok(Outcome::Refused),",
            "=> Ok(if PLANTED { Outcome::Done } else { Outcome::Refused }),",
        )],
    ),
    bug(
        "a stale worker's batch changes newer records",
        &[at(
            STATEMENTS,
            "        push_number(&mut body, lease);\n        body.push_str(\"]}\");",
            "        let condition = !matches!(write, Write::Put(put) if !put.held);\n        push_number(&mut body, if PLANTED && condition { 999_999 } else { lease });\n        body.push_str(\"]}\");",
        )],
    ),
    bug(
        "a stale worker's record is written over a newer one",
        &[at(
            BATCHES,
            ".condition_expression(\"attribute_not_exists(l) OR l <= :l\")",
            ".condition_expression(if PLANTED { \"attribute_not_exists(l) OR attribute_exists(l) OR l <= :l\" } else { \"attribute_not_exists(l) OR l <= :l\" })",
        )],
    ),
    bug(
        "keys that DynamoDB puts off are not asked for again",
        &[at(
            RECORDS,
            ".filter(|keys| !keys.is_empty());",
            ".filter(|keys| !PLANTED && !keys.is_empty());",
        )],
    ),
    bug(
        "of the stored keys only the first page is looked at",
        &[at(
            RECORDS,
            "while let Some(page) = pages.next().await {",
            "let mut first = true;\n        while let Some(page) = pages.next().await {\n            if !std::mem::take(&mut first) && PLANTED { break; }",
        )],
    ),
    bug(
        "a stale worker's state is taken",
        &[at(
            STATES,
            ".condition_expression(\"attribute_not_exists(#lease) OR #lease <= :lease\")",
            ".condition_expression(if PLANTED { \"attribute_not_exists(#lease) OR attribute_exists(#lease) OR #lease <= :lease\" } else { \"attribute_not_exists(#lease) OR #lease <= :lease\" })",
        )],
    ),
    bug(
        "a stale worker's packs are taken",
        &[at(
            PACKS,
            ".condition_expression(\"attribute_not_exists(#lease) OR #lease <= :lease\")",
            ".condition_expression(if PLANTED { \"attribute_not_exists(#lease) OR attribute_exists(#lease) OR #lease <= :lease\" } else { \"attribute_not_exists(#lease) OR #lease <= :lease\" })",
        )],
    ),
    bug(
        "a lease has the number of the one before",
        &[at(
            LEASES,
            ".expression_attribute_values(\":one\", number(1))",
            ".expression_attribute_values(\":one\", number(if PLANTED { 0 } else { 1 }))",
        )],
    ),
    bug(
        "a lease that holds is taken over",
        &[at(
            LEASES,
            "\"#until < :now OR #until > :latest\"",
            "if PLANTED { \"#until < :now OR #until >= :now OR #until > :latest\" } else { \"#until < :now OR #until > :latest\" }",
        )],
    ),
    bug(
        "of a pack that is cut the first piece is stored first",
        &[at(
            PACKS,
            "for chunk in pieces.into_iter().rev() {",
            "let mut pieces = pieces;\n        if PLANTED { pieces.reverse(); }\n        for chunk in pieces.into_iter().rev() {",
        )],
    ),
    bug(
        "after a crash the counts go on from where they were",
        &[at(
            SUM_UP,
            "let shifts = !broke_off && !run.lease.goes_on;",
            "let shifts = PLANTED || (!broke_off && !run.lease.goes_on);",
        )],
    ),
    bug(
        "what a run that broke off has read is counted when it is read again",
        &[at(
            SUM_UP,
            "let broke_off = standing.not_summed_up",
            "let broke_off = !PLANTED && standing.not_summed_up",
        )],
    ),
    bug(
        "a part of a list is summed up as the whole",
        &[at(
            COUNT,
            "Self::Whole(_) if state.phase == Phase::Incomplete",
            "Self::Whole(_) if !PLANTED && state.phase == Phase::Incomplete",
        )],
    ),
    bug(
        "a record that is shown twice counts twice",
        &[at(
            COUNT,
            "entries.iter().any(Told::again) =>",
            "(!PLANTED && entries.iter().any(Told::again)) =>",
        )],
    ),
];
