//! Which columns there are, and what stands in them. Pure.

use super::order::Sort;
use super::rows::Row;
use crate::figures;
use crate::screen::{self, Bar, Place, Wanted};

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Name,
    Pid,
    Rate,
    P50,
    P99,
    Reads,
    Errors,
    Idle,
    MostRead,
}

/// All of them, from left to right.
const ALL: [Column; 9] = [
    Column::Name,
    Column::Pid,
    Column::Rate,
    Column::P50,
    Column::P99,
    Column::Reads,
    Column::Errors,
    Column::Idle,
    Column::MostRead,
];

impl Column {
    pub(super) fn head(self) -> &'static str {
        match self {
            Self::Name => "CONTAINER",
            Self::Pid => "PID",
            Self::Rate => "READS/S",
            Self::P50 => "P50",
            Self::P99 => "P99",
            Self::Reads => "READS",
            Self::Errors => "ERRORS",
            Self::Idle => "IDLE",
            Self::MostRead => "MOST READ",
        }
    }

    /// Whether it is the one that lines are sorted by.
    pub(super) fn is_sorted_by(self, sort: Sort) -> bool {
        matches!(
            (self, sort),
            (Self::Name, Sort::Name)
                | (Self::Pid, Sort::Pid)
                | (Self::Rate, Sort::Rate)
                | (Self::P99, Sort::P99)
                | (Self::Reads, Sort::Reads)
                | (Self::Errors, Sort::Errors)
                | (Self::Idle, Sort::Idle)
        )
    }

    /// Whether it is text, which begins at the left.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Name | Self::MostRead)
    }

    /// What stands in it, `-` for what is not known.
    pub(super) fn text(self, row: &Row) -> String {
        let [p50, p99] = row.waits_ns();
        let told = match self {
            Self::Name => Some(row.name.clone()),
            Self::Pid => row.container.pid.map(|pid| pid.to_string()),
            Self::Rate => row.now.as_ref().map(|now| figures::per_second(now.rate_milli)),
            Self::P50 => p50.map(figures::wait),
            Self::P99 => p99.map(figures::wait),
            Self::Reads => Some(figures::count(row.container.all_reads())),
            Self::Errors => Some(figures::count(row.container.errors)),
            Self::Idle => Some(figures::time(row.idle)),
            Self::MostRead => row
                .most_read()
                .map(|(file, share)| format!("{file} {}", figures::percent(share))),
        };
        told.unwrap_or_else(|| "-".to_owned())
    }

    fn bar(self) -> Option<Bar> {
        let bar = Bar {
            least: 6,
            most: 32,
            weight: 1,
        };
        (self == Self::Rate).then_some(bar)
    }

    /// What goes first where there is no room.
    fn goes(self) -> Option<u8> {
        match self {
            Self::Idle => Some(1),
            Self::P50 => Some(2),
            Self::Reads => Some(3),
            Self::MostRead => Some(4),
            Self::Pid => Some(5),
            Self::P99 => Some(6),
            Self::Errors => Some(7),
            Self::Name | Self::Rate => None,
        }
    }

    /// The width of what usually stands in it, so that columns stay where they are from look to look.
    fn usual(self) -> usize {
        match self {
            Self::Name => self.head().len(),
            Self::Pid | Self::P50 | Self::P99 | Self::Idle => 5,
            Self::Reads | Self::Errors => 6,
            // With the mark of the order.
            Self::Rate => 8,
            Self::MostRead => 12,
        }
    }
}

/// The columns that fit into a screen of that width; all of them, and whole names, where there is none.
pub(super) fn places(width: Option<usize>, rows: &[&Row]) -> Vec<Place<Column>> {
    /// Names are seen to that width before anything else gets room, and on a screen never get more than the other.
    const NAME: (usize, usize) = (16, 40);
    let wanted = ALL.map(|column| {
        let texts = rows.iter().map(|row| column.text(row).chars().count());
        Wanted {
            column,
            width: texts.max().unwrap_or(0).max(column.usual()),
            bar: column.bar(),
            goes: column.goes(),
        }
    });
    match width {
        Some(width) => screen::places(width, wanted.into(), NAME),
        None => {
            let width = wanted
                .iter()
                .fold(0, |sum: usize, one| sum.saturating_add(one.width).saturating_add(1));
            let bar = Column::Rate.bar().map_or(0, |bar| bar.least);
            screen::places(width.saturating_add(bar), wanted.into(), (usize::MAX, usize::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::{container, status};
    use super::super::rows::rows;
    use super::*;

    fn example() -> Vec<Row> {
        let containers = |reads| {
            let mut long = container(4711, 0, &[("proc/meminfo", reads), ("proc/stat", 1)]);
            long.cgroup = format!("/docker/{}", "0123456789abcdef".repeat(4));
            vec![long, container(77, 0, &[("sys/devices/system/cpu/online", 3)])]
        };
        rows(Some(&status(1000, containers(1000))), &status(2000, containers(9000)))
    }

    fn of(width: usize) -> Vec<Place<Column>> {
        let rows = example();
        places(Some(width), &rows.iter().collect::<Vec<_>>())
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        for width in 30..300 {
            let total = of(width).iter().map(|place| place.width + 1).sum::<usize>() - 1;
            assert!(total <= width, "{width}: {total}");
        }
    }

    #[test]
    fn what_matters_stays_where_there_is_little_room() {
        let has = |width, column| of(width).iter().any(|place| place.column == column);
        assert!(has(140, Column::Idle));
        for column in [Column::Pid, Column::P99, Column::Errors, Column::MostRead] {
            assert!(has(80, column), "{column:?}");
        }
        assert!(has(20, Column::Name) && has(20, Column::Rate));
    }

    #[test]
    fn without_a_screen_nothing_is_left_out() {
        let rows = example();
        let places = places(None, &rows.iter().collect::<Vec<_>>());
        assert_eq!(places.len(), ALL.len());
        assert_eq!(places[0].width, "docker 0123456789ab".len());
    }

    #[test]
    fn what_is_not_known_is_a_dash() {
        let rows = rows(None, &status(1000, vec![container(1, 0, &[])]));
        for column in [Column::Rate, Column::P50, Column::P99, Column::MostRead] {
            assert_eq!(column.text(&rows[0]), "-", "{column:?}");
        }
    }
}
