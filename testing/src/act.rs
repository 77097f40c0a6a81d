//! What a test does inside a container by its own code: another process of the same test program.
//!
//! Who is in another pid namespace is another process. So a test program has a test called `act`, which does nothing unless
//! it is told to:
//!
//! ```no_run
//! #[test]
//! fn act() {
//!     lxcfs_testing::act_if_told(&[("read", |arguments| drop(std::fs::read(&arguments[0])))]);
//! }
//! ```
//!
//! [`Caller::act`](crate::Caller::act) starts it elsewhere with such a name.

/// How it is told.
const VARIABLE: &str = "LXCFS_TESTING_ACT";

/// Between the name and the arguments.
const SEPARATOR: char = '\u{1f}';

/// One of the acts: a name, and what is done with the arguments. A panic is a failure.
pub type Act = (&'static str, fn(&[&str]));

/// Does what this process was started for, if it was.
pub fn act_if_told(acts: &[Act]) {
    let Ok(told) = std::env::var(VARIABLE) else { return };
    let words: Vec<&str> = told.split(SEPARATOR).collect();
    let (name, arguments) = words.split_first().expect("a text has a first part");
    let (_, act) = acts
        .iter()
        .find(|(known, _)| known == name)
        .unwrap_or_else(|| panic!("there is no act {name:?}"));
    act(arguments);
}

/// The words of the command that does it: for a test that puts others before them.
#[must_use]
#[allow(clippy::missing_panics_doc, reason = "the helpers of a test fail as the test does")]
pub fn words_of_act(name: &str, arguments: &[&str]) -> Vec<String> {
    let program = std::env::current_exe().expect("this program is known");
    let told = std::iter::once(name)
        .chain(arguments.iter().copied())
        .collect::<Vec<_>>();
    let told = told.join(&SEPARATOR.to_string());
    let fixed = ["act", "--exact", "--nocapture", "--test-threads=1"];
    ["env".to_owned(), format!("{VARIABLE}={told}")]
        .into_iter()
        .chain([program.display().to_string()])
        .chain(fixed.map(str::to_owned))
        .collect()
}
