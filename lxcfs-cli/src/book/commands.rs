//! Each command line of ours in a block of code is one that the program takes.

use clap::error::ErrorKind;
use lxcfs_testing::documents::{Block, blocks};

/// The commands of a shell's text as lists of words. Those of `$(…)` come out as commands too, between the two halves of what
/// they stand in. Expansions are left as they are.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let mut words: Vec<String> = Vec::new();
    // `None` between words: an empty word is one too, if it was quoted.
    let mut word: Option<String> = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('\n') | None => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            '\'' | '"' => {
                let inside = letters.by_ref().take_while(|&one| one != letter);
                word.get_or_insert_default().extend(inside);
            }
            '#' if word.is_none() => while letters.next_if(|&one| one != '\n').is_some() {},
            '$' if letters.peek() == Some(&'(') => {}
            ' ' | '\t' => words.extend(word.take()),
            '\n' | ';' | '&' | '|' | '(' | ')' => {
                words.extend(word.take());
                commands.push(std::mem::take(&mut words));
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    commands.push(words);
    commands
}

/// The command lines of ours in a block, from the program's name on.
fn ours(block: &Block) -> Vec<Vec<String>> {
    let mut shell = String::new();
    for line in block.text.lines() {
        // A prompt. What is a comment otherwise is text for people, unless it begins with one of our programs.
        let code = line.trim_start();
        let command = code.strip_prefix("# ").or_else(|| code.strip_prefix("$ "));
        shell.push_str(command.filter(|command| command.starts_with("lxcfs")).unwrap_or(code));
        shell.push('\n');
    }
    commands(&shell).into_iter().filter_map(call).collect()
}

/// What the shell gives a program of ours, if this command runs one: by itself, or by another one after `--`.
fn call(mut words: Vec<String>) -> Option<Vec<String>> {
    let is_redirection = |word: &String| {
        word.trim_start_matches(|one: char| one.is_ascii_digit())
            .starts_with(['<', '>'])
    };
    words.retain(|word| !is_redirection(word));
    let is_ours = |word: &String| word == "lxcfs" || word == "lxcfs-cli";
    let dashes = words.iter().position(|word| word == "--");
    let places = [Some(0), dashes.map(|at| at.saturating_add(1))];
    let start = places
        .into_iter()
        .flatten()
        .find(|&place| words.get(place).is_some_and(is_ours))?;
    Some(words.split_off(start))
}

/// What the program says against it.
fn complaint(words: &[String]) -> Option<String> {
    let program = super::programs()
        .into_iter()
        .find(|(name, _)| words.first().is_some_and(|word| word == name));
    let (_, command) = program?;
    match command.try_get_matches_from(words) {
        Ok(_) => None,
        Err(shown) if matches!(shown.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => None,
        Err(error) => Some(error.to_string()),
    }
}

#[test]
fn every_command_line_of_the_documentation_is_understood() {
    let mut found = 0;
    let mut wrong = String::new();
    for block in blocks().iter().filter(|block| block.language != "text") {
        for words in ours(block) {
            found += 1;
            if let Some(complaint) = complaint(&words) {
                wrong.push_str(&format!("{}: {}\n{complaint}\n", block.place(), words.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(found > 50, "only {found} command lines were found");
}

#[test]
fn command_lines_are_found_wherever_a_shell_would_run_them() {
    let block = |text: &str| Block {
        page: "page.md".into(),
        line: 1,
        language: "sh".to_owned(),
        marks: Vec::new(),
        text: text.to_owned(),
    };
    let found = |text: &str| {
        ours(&block(text))
            .iter()
            .map(|words| words.join("|"))
            .collect::<Vec<_>>()
    };
    assert_eq!(found("lxcfs-cli list >a   # all of them\n"), ["lxcfs-cli|list"]);
    assert_eq!(
        found("# lxcfs-cli run -- sh -c 'a; b'\n"),
        ["lxcfs-cli|run|--|sh|-c|a; b"]
    );
    assert_eq!(
        found("docker run $(lxcfs-cli inject docker) debian\n"),
        ["lxcfs-cli|inject|docker"]
    );
    assert_eq!(found("kubectl exec ds/lxcfs -- lxcfs-cli list\n"), ["lxcfs-cli|list"]);
    assert_eq!(found("make && lxcfs --keep \\\n  /m &\n"), ["lxcfs|--keep|/m"]);
    assert_eq!(found("# what lxcfs-cli list does\necho lxcfs\n"), [""; 0]);
}

#[test]
fn a_command_line_that_the_program_refuses_is_told() {
    let words = ["lxcfs-cli", "render", "meminfo", "--pid", "N"].map(str::to_owned);
    assert!(complaint(&words).is_some_and(|complaint| complaint.contains("--pid")));
    let words = ["lxcfs", "--keeps", "/m"].map(str::to_owned);
    assert!(complaint(&words).is_some_and(|complaint| complaint.contains("--keeps")));
}
