//! A real terminal: a shell under tmux.

use std::process::{Command, Output};

use lxcfs_testing::{PATIENCE, becomes_true, skipped, wait_until};

use super::stderr;

/// A terminal that a user could sit at; it is gone with its drop.
pub struct Terminal {
    socket: String,
}

impl Terminal {
    /// One with a shell, unless there is no tmux.
    pub fn open(name: &str, width: u16, height: u16) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            skipped("tmux");
            return None;
        }
        let terminal = Self {
            socket: format!("lxcfs-{name}-{}", std::process::id()),
        };
        let (width, height) = (width.to_string(), height.to_string());
        let shell = "env PS1='$ ' LC_ALL=C.UTF-8 sh";
        let words = [
            "-f",
            "/dev/null",
            "-u",
            "new-session",
            "-d",
            "-x",
            &width,
            "-y",
            &height,
            shell,
        ];
        let opened = terminal.tmux(&words);
        assert!(opened.status.success(), "{}", stderr(&opened));
        terminal.waits_for("a prompt", |screen| screen.trim_end().ends_with('$'));
        Some(terminal)
    }

    pub fn tmux(&self, words: &[&str]) -> Output {
        Command::new("tmux")
            .args(["-L", &self.socket])
            .args(words)
            .output()
            .unwrap()
    }

    pub fn types(&self, keys: &[&str]) {
        assert!(self.tmux(&[&["send-keys"], keys].concat()).status.success());
    }

    /// Types a command line of the tool.
    pub fn runs(&self, arguments: &str) {
        self.types(&["-l", &format!("clear; {} {arguments}", env!("CARGO_BIN_EXE_lxcfs-cli"))]);
        self.types(&["Enter"]);
    }

    pub fn screen(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p"]).stdout).unwrap()
    }

    /// What the terminal is told of itself: whether the other screen is shown, and the cursor.
    pub fn state(&self) -> String {
        let format = "#{alternate_on} #{cursor_flag}";
        String::from_utf8(self.tmux(&["display-message", "-p", format]).stdout).unwrap()
    }

    pub fn waits_for(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let holds = becomes_true(PATIENCE, || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            holds(&self.screen())
        });
        assert!(holds, "waited too long for {what}:\n{}", self.screen());
    }

    /// The terminal is as it was: its first screen, a cursor, and a shell whose typing is seen.
    pub fn is_restored(&self) {
        wait_until("the terminal is as it was", || self.state().trim() == "0 1");
        self.types(&["-l", "stty -a; echo typed"]);
        self.types(&["Enter"]);
        self.waits_for("an answer of the shell", |screen| screen.contains("\ntyped"));
        let screen = self.screen();
        assert!(screen.contains(" icanon") && screen.contains(" echo "), "{screen}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]);
    }
}
