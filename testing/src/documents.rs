//! The pages of this repository, and the blocks of code in them.

use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// A block of code in a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The page, from the root of the repository.
    pub page: PathBuf,
    /// The line at which it begins, from 1.
    pub line: usize,
    /// The first word after the fence; empty if there is none, or no fence.
    pub language: String,
    /// The other words, which commas part.
    pub marks: Vec<String>,
    /// The code.
    pub text: String,
}

impl Block {
    /// Whether it bears this mark.
    #[must_use]
    pub fn is(&self, mark: &str) -> bool {
        self.marks.iter().any(|one| one == mark)
    }

    /// Where it is, as compilers say it.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.page.display(), self.line)
    }
}

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every page at the root and below docs/ and examples/, from the root of the repository, sorted.
#[must_use]
pub fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    collect(Path::new(""), false, &mut pages);
    collect(Path::new("docs"), true, &mut pages);
    collect(Path::new("examples"), true, &mut pages);
    pages.sort();
    pages
}

fn collect(dir: &Path, deep: bool, pages: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(repository().join(dir)).expect("a directory of the repository");
    for entry in entries {
        let entry = entry.unwrap();
        let path = dir.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            if deep {
                collect(&path, deep, pages);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

/// The blocks of code in all pages.
#[must_use]
pub fn blocks() -> Vec<Block> {
    pages().iter().flat_map(|page| blocks_of(page)).collect()
}

fn blocks_of(page: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(repository().join(page)).expect("a page of the repository");
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (event, range) in Parser::new(&text).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let before = text.get(..range.start).unwrap_or_default();
                let info = match &kind {
                    CodeBlockKind::Fenced(info) => info.as_ref(),
                    CodeBlockKind::Indented => "",
                };
                let mut words = info.split([',', ' ']).map(str::to_owned);
                open = Some(Block {
                    page: page.to_owned(),
                    line: before.matches('\n').count().saturating_add(1),
                    language: words.next().unwrap_or_default(),
                    marks: words.collect(),
                    text: String::new(),
                });
            }
            Event::Text(code) => {
                if let Some(block) = &mut open {
                    block.text.push_str(&code);
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            _ => {}
        }
    }
    blocks
}
