//! One container has one text, whichever version of cgroups tells of it; and one text each time.
//!
//! v1 cannot tell all that v2 can, and the other way round. The law is about what both can tell
//! ([`Limits::told_by_both`]); what remains different is listed here:
//!
//! * `pressure/*`: v1 has none.
//! * `SwapFree` where swap is limited: v1 limits memory and swap together, so that memory takes away from it.

use super::*;
use lxcfs_core::{EntryKind, TABLE};

/// All virtual files with what they say, those in directories too.
fn all_files(view: &ContainerView<'_>) -> Vec<(String, Result<String, CaptureError>)> {
    fn walk(view: &ContainerView<'_>, dir: &str, found: &mut Vec<(String, Result<String, CaptureError>)>) {
        for entry in find(dir).unwrap().list(view).unwrap() {
            let path = format!("{dir}/{}", entry.name);
            match entry.kind {
                EntryKind::Directory => walk(view, &path, found),
                EntryKind::Symlink => {
                    let target = find(&path).unwrap().read_link(view);
                    found.push((path, target.map(|target| target.display().to_string())));
                }
                EntryKind::File | EntryKind::PrivateFile => {
                    let text = render(view, &path);
                    found.push((path, text));
                }
            }
        }
    }
    let mut found = Vec::new();
    for file in TABLE {
        match file.is_directory() {
            true => walk(view, file.path, &mut found),
            false => found.push((file.path.to_owned(), render(view, file.path))),
        }
    }
    found
}

fn without_line(text: &str, key: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with(key))
        .map(|line| format!("{line}\n"))
        .collect()
}

proptest! {
    #![proptest_config(config(4))]

    #[test]
    fn v1_and_v2_and_both_together_give_the_same_text(scene in scenes(), options in options()) {
        let mut scene = scene;
        let shown = scene.spell(Spelling::V2).view().with_options(options).cpus().unwrap().shown().clone();
        scene.limits = scene.limits.told_by_both(&shown);
        let limited = scene.limits.levels().any(|level| level.swap.is_some());
        let [v1, v2, hybrid] = Spelling::ALL.map(|spelling| {
            let told = scene.spell(spelling);
            all_files(&told.view().with_options(options))
        });
        for (v2, hybrid) in v2.iter().zip(&hybrid) {
            prop_assert_eq!(v2, hybrid);
        }
        prop_assert_eq!(v1.len(), v2.len());
        for ((path, v1), (_, v2)) in v1.iter().zip(&v2) {
            if path.starts_with("proc/pressure/") {
                let unavailable = matches!(v1, Err(CaptureError::NotAvailable { .. } | CaptureError::NoSuchFile { .. }));
                prop_assert!(unavailable, "{}: {:?}", path, v1);
                continue;
            }
            let (v1, v2) = (v1.as_ref().unwrap(), v2.as_ref().unwrap());
            if path == "proc/meminfo" && limited {
                prop_assert_eq!(without_line(v1, "SwapFree:"), without_line(v2, "SwapFree:"));
                prop_assert!(meminfo(v1, "SwapFree") <= meminfo(v2, "SwapFree"));
                continue;
            }
            prop_assert_eq!(v1, v2, "{}", path);
        }
    }

    #[test]
    fn a_rendering_depends_on_nothing_but_its_arguments(scene in scenes(), spelling in spellings(), options in options()) {
        let (one, two) = (scene.spell(spelling), scene.spell(spelling));
        let (one, two) = (one.view().with_options(options), two.view().with_options(options));
        prop_assert!(all_files(&one) == all_files(&two));
    }
}
