//! What a key asks for.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What lines can be sorted by.
pub(crate) trait Order: Copy {
    /// The order that a letter stands for.
    fn of_letter(letter: char) -> Option<Self>;
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked<S> {
    Sort(S),
    Reverse,
    Pause,
    /// To type a filter; and each letter of it.
    Filter,
    Letter(char),
    Erase,
    /// To have done with typing.
    Done,
    /// To have all again.
    Clear,
    Scroll(i32),
    First,
    Last,
}

/// What a key does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key<S> {
    Quit,
    Asks(Asked<S>),
}

pub(super) fn asked<S: Order>(key: KeyEvent, is_typing: bool) -> Option<Key<S>> {
    const PAGE: i32 = 10;
    let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let asks = match key.code {
        KeyCode::Char('c' | 'd') if is_ctrl => return Some(Key::Quit),
        KeyCode::Char(_) if is_ctrl => return None,
        KeyCode::Char(letter) if is_typing => Asked::Letter(letter),
        KeyCode::Backspace if is_typing => Asked::Erase,
        KeyCode::Enter if is_typing => Asked::Done,
        KeyCode::Esc => Asked::Clear,
        KeyCode::Up => Asked::Scroll(-1),
        KeyCode::Down => Asked::Scroll(1),
        KeyCode::PageUp => Asked::Scroll(-PAGE),
        KeyCode::PageDown => Asked::Scroll(PAGE),
        KeyCode::Home => Asked::First,
        KeyCode::End => Asked::Last,
        KeyCode::Char('q') => return Some(Key::Quit),
        KeyCode::Char(letter) => of_letter(letter)?,
        _ => return None,
    };
    Some(Key::Asks(asks))
}

fn of_letter<S: Order>(letter: char) -> Option<Asked<S>> {
    Some(match letter {
        ' ' => Asked::Pause,
        '/' => Asked::Filter,
        'r' => Asked::Reverse,
        'k' => Asked::Scroll(-1),
        'j' => Asked::Scroll(1),
        _ => Asked::Sort(S::of_letter(letter)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct ByMemory;

    impl Order for ByMemory {
        fn of_letter(letter: char) -> Option<Self> {
            (letter == 'm').then_some(Self)
        }
    }

    #[test]
    fn letters_are_typed_only_into_a_filter() {
        let key = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE);
        assert_eq!(asked::<ByMemory>(key('q'), false), Some(Key::Quit));
        assert_eq!(asked::<ByMemory>(key('q'), true), Some(Key::Asks(Asked::Letter('q'))));
        assert_eq!(asked(key('m'), false), Some(Key::Asks(Asked::Sort(ByMemory))));
        assert_eq!(asked::<ByMemory>(key('x'), false), None);
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(asked::<ByMemory>(ctrl_c, true), Some(Key::Quit));
    }
}
