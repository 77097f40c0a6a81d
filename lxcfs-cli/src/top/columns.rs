//! Which columns there are, what stands in them, and how wide they are on a screen of some width. Pure.

use super::model::{Row, Sort};
use crate::figures;
use crate::screen::{self, Bar, Place, Wanted};

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

    fn bar(self) -> Option<Bar> {
        let (least, most, weight) = match self {
            Self::Memory => (8, 32, 4),
            Self::Cpu => (6, 24, 3),
            _ => return None,
        };
        Some(Bar { least, most, weight })
    }

    /// What goes first where there is no room.
    fn goes(self) -> Option<u8> {
        match self {
            Self::HostName => Some(1),
            Self::Uptime => Some(2),
            Self::Tasks => Some(3),
            Self::Load => Some(4),
            Self::Cpus => Some(5),
            Self::Name | Self::Pid | Self::Memory | Self::Cpu => None,
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

/// The columns that fit into a screen of that width.
pub(super) fn places(width: usize, rows: &[Row]) -> Vec<Place<Column>> {
    const NAME: (usize, usize) = (16, 40);
    const LONGEST_HOST_NAME: usize = 24;
    let longest = |column: Column| {
        let texts = rows.iter().map(|row| column.text(row).chars().count());
        let longest = texts.max().unwrap_or(0).max(column.usual());
        match column {
            Column::HostName => longest.min(LONGEST_HOST_NAME),
            _ => longest,
        }
    };
    let has_host_names = rows.iter().any(|row| row.facts.hostname.is_some());
    let columns = ALL.into_iter();
    let columns = columns.filter(|column| has_host_names || *column != Column::HostName);
    let wanted = columns.map(|column| Wanted {
        column,
        width: longest(column),
        bar: column.bar(),
        goes: column.goes(),
    });
    screen::places(width, wanted.collect(), NAME)
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

    fn total(places: &[Place<Column>]) -> usize {
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
}
