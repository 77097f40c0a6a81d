//! What the screen shows of the looks, and what keys do to it. Pure: looks and keys in, rows out.

use lxcfs_fuse::status::Status;

use super::order::{Sort, shown};
use super::rows::{Identity, Row, rows};
use super::whom::Whom;
use crate::screen::{Asked, View, moved};

/// What a daemon has said, or why it cannot be asked.
pub(super) type Look = Result<Status, String>;

/// All that the screen shows.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) before: Option<Status>,
    pub(super) now: Status,
    rows: Vec<Row>,
    pub(super) view: View<Sort>,
    /// Only this container is shown.
    whom: Option<Whom>,
    selected: Option<Identity>,
    /// Why the daemon could not be asked the last time.
    pub(super) no_answer: Option<String>,
}

impl Model {
    pub(super) fn new(first: Status, view: View<Sort>, whom: Option<Whom>) -> Self {
        let mut model = Self {
            rows: Vec::new(),
            before: None,
            now: first,
            view,
            whom,
            selected: None,
            no_answer: None,
        };
        model.fill();
        model
    }

    /// Takes a look into account. While paused, none is.
    pub(super) fn take(&mut self, look: Look) {
        if self.view.is_paused {
            return;
        }
        match look {
            Ok(now) => {
                self.before = Some(std::mem::replace(&mut self.now, now));
                self.no_answer = None;
                self.fill();
            }
            Err(why) => self.no_answer = Some(why),
        }
    }

    fn fill(&mut self) {
        self.rows = rows(self.before.as_ref(), &self.now);
        if let Some(Err(why)) = self.whom.as_ref().map(|whom| whom.only(&mut self.rows)) {
            self.rows.clear();
            self.no_answer = Some(why.to_string());
        }
    }

    pub(super) fn is_late(&mut self) {
        self.no_answer = Some("the daemon does not answer".to_owned());
    }

    pub(super) fn apply(&mut self, asked: Asked<Sort>) {
        let last = self.shown().len().saturating_sub(1);
        let at = self.selected_line();
        match asked {
            Asked::Scroll(lines) => self.select(at.map_or(0, |at| moved(at, lines).min(last))),
            Asked::First => self.select(0),
            Asked::Last => self.select(last),
            Asked::Clear => {
                self.selected = None;
                self.view.apply(asked);
            }
            _ => self.view.apply(asked),
        }
    }

    fn select(&mut self, line: usize) {
        self.selected = self.shown().get(line).map(|row| row.identity());
    }

    fn selected_line(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        self.shown().iter().position(|row| row.identity() == *selected)
    }

    /// The container that is selected, if it is there and the filter lets it through.
    pub(super) fn selected(&self) -> Option<Row> {
        let line = self.selected_line()?;
        self.shown().get(line).map(|row| (*row).clone())
    }

    /// The lines that the filter lets through, in order.
    pub(super) fn shown(&self) -> Vec<&Row> {
        shown(&self.rows, &self.view)
    }

    /// The part of the lines that is on a screen of that height, and which of them is selected; scrolls to where that is.
    pub(super) fn page(&mut self, height: usize) -> (Vec<Row>, Option<usize>) {
        let rows: Vec<Row> = self.shown().into_iter().cloned().collect();
        let selected = self.selected_line();
        if let Some(line) = selected {
            let least = line.saturating_add(1).saturating_sub(height);
            self.view.scrolled = self.view.scrolled.clamp(least, line.max(least));
        }
        self.view.stay_within(rows.len(), height);
        let scrolled = self.view.scrolled;
        let page = rows.into_iter().skip(scrolled).take(height).collect();
        (page, selected.and_then(|line| line.checked_sub(scrolled)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::{container, status};
    use super::*;

    /// Of ten containers, the last reads most now.
    fn model() -> Model {
        let containers = |looks: u64| {
            (1..=10)
                .map(|pid| container(pid, 0, &[("proc/stat", looks * u64::from(pid))]))
                .collect()
        };
        let mut model = Model::new(status(1000, containers(1)), View::new(Sort::Rate, ""), None);
        model.take(Ok(status(2000, containers(2))));
        model
    }

    fn selected(model: &Model) -> Option<u32> {
        model.selected()?.container.pid
    }

    #[test]
    fn a_selection_stays_with_its_container_when_the_order_changes() {
        let mut model = model();
        assert_eq!(selected(&model), None);
        model.apply(Asked::Scroll(1));
        assert_eq!(selected(&model), Some(10));
        model.apply(Asked::Scroll(2));
        assert_eq!(selected(&model), Some(8));
        model.apply(Asked::Sort(Sort::Pid));
        assert_eq!(selected(&model), Some(8));
        model.apply(Asked::Scroll(100));
        assert_eq!(selected(&model), Some(10));
        model.apply(Asked::Clear);
        assert_eq!(selected(&model), None);
    }

    #[test]
    fn the_page_goes_where_the_selection_is() {
        let mut model = model();
        assert_eq!(model.page(3).1, None);
        model.apply(Asked::Last);
        let (page, selected) = model.page(3);
        assert_eq!((page[2].container.pid, selected), (Some(1), Some(2)));
        model.apply(Asked::First);
        assert_eq!(model.page(3).0[0].container.pid, Some(10));
        assert_eq!(model.page(0).0, []);
    }

    #[test]
    fn a_selected_container_that_ends_is_selected_no_more() {
        let mut model = model();
        model.apply(Asked::First);
        model.take(Ok(status(3000, vec![container(1, 0, &[])])));
        assert_eq!(selected(&model), None);
    }

    #[test]
    fn a_daemon_that_cannot_be_asked_leaves_the_lines_as_they_were() {
        let mut model = model();
        model.take(Err("gone".to_owned()));
        assert_eq!(model.no_answer.as_deref(), Some("gone"));
        assert_eq!(model.shown().len(), 10);
        model.take(Ok(status(3000, vec![])));
        assert_eq!((model.no_answer.clone(), model.shown().len()), (None, 0));
    }

    #[test]
    fn a_pause_stops_the_lines() {
        let mut model = model();
        model.apply(Asked::Pause);
        model.take(Ok(status(3000, vec![])));
        assert_eq!(model.shown().len(), 10);
    }
}
