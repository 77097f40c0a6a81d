//! Which columns there are, what stands in them, and how wide they are on a screen of some width. Pure.

use super::model::{Row, Sort};
use crate::figures;

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Name,
    HostName,
    Pid,
    Memory,
    Cpu,
    Cpus,
    Load,
    Uptime,
    Tasks,
}

/// All of them, from left to right.
pub(super) const ALL: [Column; 9] = [
    Column::Name,
    Column::HostName,
    Column::Pid,
    Column::Memory,
    Column::Cpu,
    Column::Cpus,
    Column::Load,
    Column::Uptime,
    Column::Tasks,
];

/// What goes first where there is no room.
const SPARED: [Column; 5] = [
    Column::HostName,
    Column::Uptime,
    Column::Tasks,
    Column::Load,
    Column::Cpus,
];

/// A column on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) column: Column,
    /// With the bar, without the space before the next column.
    pub(super) width: usize,
    /// Of that, the bar with its brackets; 0 for none.
    pub(super) bar: usize,
}

impl Column {
    pub(super) fn head(self) -> &'static str {
        match self {
            Self::Name => "CONTAINER",
            Self::HostName => "HOST NAME",
            Self::Pid => "PID",
            Self::Memory => "USED/MEMORY",
            Self::Cpu => "CPU",
            Self::Cpus => "CPUS",
            Self::Load => "LOAD",
            Self::Uptime => "UPTIME",
            Self::Tasks => "TASKS",
        }
    }

    /// Whether it is the one that lines are sorted by.
    pub(super) fn is_sorted_by(self, sort: Sort) -> bool {
        matches!(
            (self, sort),
            (Self::Name, Sort::Name)
                | (Self::Pid, Sort::Pid)
                | (Self::Memory, Sort::Memory)
                | (Self::Cpu, Sort::Cpu)
                | (Self::Load, Sort::Load)
                | (Self::Uptime, Sort::Uptime)
                | (Self::Tasks, Sort::Tasks)
        )
    }

    /// Whether it is text, which begins at the left.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Name | Self::HostName)
    }

    /// What stands in it, `-` for what is not known.
    pub(super) fn text(self, row: &Row) -> String {
        let facts = &row.facts;
        let told = match self {
            Self::Name => Some(facts.name.clone()),
            Self::HostName => Some(facts.hostname.clone().unwrap_or_default()),
            // The host has none.
            Self::Pid => Some(facts.init.map(|init| init.pid.to_string()).unwrap_or_default()),
            _ if row.has_ended => return "-".to_owned(),
            Self::Memory => facts
                .memory
                .map(|memory| format!("{}/{}", figures::memory(memory.used()), figures::memory(memory.total))),
            Self::Cpu => row.cpu_per_mille.map(figures::percent),
            Self::Cpus => facts.capacity_milli.map(figures::cpus),
            Self::Load => facts
                .load
                .map(|load| figures::hundredths(load.averages_hundredths.first().copied().unwrap_or(0))),
            Self::Uptime => facts.age.map(figures::time),
            Self::Tasks => facts.load.map(|load| load.threads.to_string()),
        };
        told.unwrap_or_else(|| "-".to_owned())
    }

    /// How full its bar is, in thousandths.
    pub(super) fn fullness(self, row: &Row) -> Option<u64> {
        if row.has_ended {
            return None;
        }
        match self {
            Self::Memory => row
                .facts
                .memory
                .map(|memory| figures::per_mille(memory.used().into(), memory.total.into())),
            Self::Cpu => row.cpu_per_mille,
            _ => None,
        }
    }

    /// The width of what usually stands in it.
    fn usual(self) -> usize {
        match self {
            Self::Memory => 11,
            Self::Uptime => 6,
            Self::Cpu | Self::Pid | Self::Load | Self::Tasks => 5,
            Self::Cpus => 4,
            Self::Name | Self::HostName => self.head().len(),
        }
    }
}

/// The columns that fit into a screen of that width: first bars become short, then columns go, then bars, then names are cut.
pub(super) fn places(width: usize, rows: &[Row]) -> Vec<Place> {
    /// Names are seen to that width before anything else gets room, and never get more than the other.
    const NAME: (usize, usize) = (16, 40);
    /// Bars of memory and CPU: at least, at most.
    const BARS: [(usize, usize); 2] = [(8, 32), (6, 24)];
    let longest = |column: Column| {
        let texts = rows.iter().map(|row| column.text(row).chars().count());
        texts.max().unwrap_or(0).max(column.usual())
    };
    let mut columns: Vec<(Column, usize)> = ALL.into_iter().map(|column| (column, longest(column))).collect();
    if rows.iter().all(|row| row.facts.hostname.is_none()) {
        columns.retain(|(column, _)| *column != Column::HostName);
    }
    let mut name = columns.first().map_or(0, |(_, width)| *width).min(NAME.1);
    for (column, width) in &mut columns {
        if *column == Column::HostName {
            *width = (*width).min(24);
        }
    }
    let others = |columns: &[(Column, usize)]| {
        let widths = columns.iter().skip(1).map(|(_, width)| width.saturating_add(1));
        widths.fold(0_usize, usize::saturating_add)
    };
    let least_bars = BARS
        .iter()
        .fold(0_usize, |sum, (least, _)| sum.saturating_add(least.saturating_add(1)));
    let least_name = name.min(NAME.0);
    let needed =
        |columns: &[(Column, usize)], bars: usize| least_name.saturating_add(others(columns)).saturating_add(bars);
    for spared in SPARED {
        if needed(&columns, least_bars) > width {
            columns.retain(|(column, _)| *column != spared);
        }
    }
    let has_bars = needed(&columns, least_bars) <= width;
    let bars_at_least = if has_bars { least_bars } else { 0 };
    let room = width.saturating_sub(others(&columns)).saturating_sub(bars_at_least);
    name = name.min(room.max(1));
    // What is left makes the bars longer, that of memory and that of the CPU as 4 to 3.
    let left = room.saturating_sub(name);
    columns
        .into_iter()
        .enumerate()
        .map(|(at, (column, text))| {
            let (range, share) = match column {
                Column::Memory => (BARS.first(), left.saturating_mul(4) / 7),
                Column::Cpu => (BARS.last(), left.saturating_mul(3) / 7),
                _ => (None, 0),
            };
            let bar = range
                .filter(|_| has_bars)
                .map_or(0, |(least, most)| least.saturating_add(share).min(*most));
            let text = if at == 0 { name } else { text };
            let space = usize::from(bar > 0);
            Place {
                column,
                width: text.saturating_add(bar).saturating_add(space),
                bar,
            }
        })
        .collect()
}

/// A text cut to a width, with `…` where something is missing.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept = text.chars().take(width.saturating_sub(1));
    kept.chain((width > 0).then_some('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::collect::Facts;

    fn row(name: &str) -> Row {
        Row {
            facts: Facts {
                name: name.to_owned(),
                ..Facts::default()
            },
            cpu_per_mille: None,
            has_ended: false,
        }
    }

    fn total(places: &[Place]) -> usize {
        places.iter().map(|place| place.width + 1).sum::<usize>() - 1
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        let rows = [row("docker 0123456789ab"), row("x")];
        for width in 50..300 {
            let places = places(width, &rows);
            assert!(total(&places) <= width, "{width}: {places:?}");
        }
    }

    #[test]
    fn eighty_columns_show_all_with_bars() {
        let places = places(80, &[row("docker 0123456789ab")]);
        assert_eq!(places.len(), 8, "all but the host name");
        assert!(places.iter().filter(|place| place.bar > 0).count() == 2);
    }

    #[test]
    fn what_is_spared_goes_in_order_and_the_rest_stays() {
        let rows = [row("docker 0123456789ab")];
        let has = |width, column| places(width, &rows).iter().any(|place| place.column == column);
        assert!(!has(75, Column::Uptime) && has(75, Column::Tasks));
        for column in [Column::Name, Column::Pid, Column::Memory, Column::Cpu] {
            assert!(has(20, column), "{column:?}");
        }
        assert!(places(38, &rows).iter().all(|place| place.bar == 0));
    }

    #[test]
    fn wide_screens_have_long_names_and_long_bars() {
        let rows = [row(&"n".repeat(60))];
        let places = places(200, &rows);
        assert_eq!(places[0].width, 40);
        assert!(places.iter().any(|place| place.bar == 32));
    }

    #[test]
    fn a_cut_text_says_so() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("äbcd", 3), "äb…");
        assert_eq!(cut("abc", 0), "");
    }
}
