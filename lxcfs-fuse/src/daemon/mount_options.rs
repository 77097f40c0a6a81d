//! What `-o` says: words for `mount(2)` among words that only libfuse ever understood.

/// What is left of the words of `-o`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Understood {
    /// Whether the mount is to be read-only whatever else is asked for.
    pub(super) read_only: bool,
    /// What the mount is told besides what is told to every mount.
    pub(super) extra: Vec<String>,
}

/// Takes the words of all `-o` apart. The last of `ro` and `rw` counts.
pub(super) fn understand(options: &[String]) -> Understood {
    let mut understood = Understood::default();
    for word in options.iter().flat_map(|option| words(option)) {
        match word {
            "ro" => understood.read_only = true,
            // What the mount is anyway wherever something can be written.
            "rw" => understood.read_only = false,
            _ if word.is_empty() || is_always_so(word) => {}
            _ => understood.extra.push(word.to_owned()),
        }
    }
    understood
}

/// Whether this is always so, or only ever meant something to libfuse, which is not here: how long what it caches is
/// valid, how it unmounts, under which name the file system is listed.
fn is_always_so(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "allow_other",
        "allow_root",
        "atomic_o_trunc",
        "attr_timeout",
        "auto_cache",
        "auto_unmount",
        "big_writes",
        "clone_fd",
        "default_permissions",
        "direct_io",
        "entry_timeout",
        "fsname",
        "intr",
        "kernel_cache",
        "max_idle_threads",
        "max_threads",
        "negative_timeout",
        "nonempty",
        "subtype",
        "use_ino",
    ];
    let name = word.split_once('=').map_or(word, |(name, _)| name);
    WORDS.contains(&name)
}

/// The words between commas; a comma in double quotes is part of a word, as in `context="u:r:t:s0:c1,c2"`.
fn words(option: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    option.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extra(options: &[&str]) -> Vec<String> {
        understood(options).extra
    }

    fn understood(options: &[&str]) -> Understood {
        understand(&options.iter().map(|&option| option.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_always_so_is_dropped() {
        let words = "allow_other,direct_io,entry_timeout=0.5,attr_timeout=0.5,nonempty,rw,";
        assert_eq!(understood(&[words]), Understood::default());
    }

    #[test]
    fn other_words_are_kept_in_their_order() {
        assert_eq!(extra(&["noexec,allow_other", "dirsync"]), ["noexec", "dirsync"]);
    }

    #[test]
    fn a_comma_in_quotes_parts_nothing() {
        let context = r#"context="system_u:object_r:lxcfs_t:s0:c1,c2""#;
        assert_eq!(
            extra(&[&format!("noexec,{context},nodev")]),
            ["noexec", context, "nodev"]
        );
    }

    #[test]
    fn the_last_of_ro_and_rw_counts() {
        assert!(understood(&["rw,ro"]).read_only);
        assert!(!understood(&["ro", "rw"]).read_only);
    }
}
