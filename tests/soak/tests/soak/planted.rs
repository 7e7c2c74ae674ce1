//! The bugs that `make plant` plants are still in the places where it looks for them.

use muster_soak::planted::BUGS;
use std::path::Path;

#[test]
fn every_bug_has_its_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for bug in BUGS {
        for edit in bug.edits {
            let text = std::fs::read_to_string(root.join(edit.file)).expect("a file");
            let found = text.matches(edit.find).count();
            assert_eq!(found, 1, "{}: {} in {}", bug.name, edit.find, edit.file);
            assert!(edit.put.contains("PLANTED") || edit.put.contains(edit.find));
        }
    }
}
