//! Which columns fit on a screen, and how wide they are there.

/// A column that wants a place. The first one is the name, which takes what room there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<C> {
    pub(crate) column: C,
    /// The width of what stands in it.
    pub(crate) width: usize,
    pub(crate) bar: Option<Bar>,
    /// Where there is no room, the column with the lowest number goes first. `None`: it stays.
    pub(crate) goes: Option<u8>,
}

/// A bar before what stands in a column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bar {
    /// With its brackets.
    pub(crate) least: usize,
    pub(crate) most: usize,
    /// How much it gets of the room that is left, compared to the other bars.
    pub(crate) weight: usize,
}

/// A column on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<C> {
    pub(crate) column: C,
    /// With the bar, without the space before the next column.
    pub(crate) width: usize,
    /// Of that, the bar with its brackets; 0 for none.
    pub(crate) bar: usize,
}

/// The columns that fit into a screen of that width: first bars become short, then columns go, then bars, then names are cut.
///
/// Names are seen to the first width of `name` before anything else gets room, and never get more than the second.
pub(crate) fn places<C>(width: usize, mut columns: Vec<Wanted<C>>, name: (usize, usize)) -> Vec<Place<C>> {
    let others = |columns: &[Wanted<C>]| {
        let widths = columns.iter().skip(1).map(|one| one.width.saturating_add(1));
        widths.fold(0, usize::saturating_add)
    };
    let bars = |columns: &[Wanted<C>]| {
        let widths = columns.iter().filter_map(|one| Some(one.bar?.least.saturating_add(1)));
        widths.fold(0, usize::saturating_add)
    };
    let (least, most) = name;
    let longest = columns.first().map_or(0, |one| one.width).min(most);
    let needed = |columns: &[Wanted<C>]| longest.min(least).saturating_add(others(columns));
    let is_full = |columns: &[Wanted<C>]| needed(columns).saturating_add(bars(columns)) > width;
    while is_full(&columns)
        && let Some(first) = columns.iter().filter_map(|one| one.goes).min()
    {
        columns.retain(|one| one.goes != Some(first));
    }
    let has_bars = !is_full(&columns);
    let of_bars = if has_bars { bars(&columns) } else { 0 };
    let room = width.saturating_sub(others(&columns)).saturating_sub(of_bars);
    let longest = longest.min(room.max(1));
    // What is left makes the bars longer.
    let left = room.saturating_sub(longest);
    let weights = columns.iter().filter_map(|one| Some(one.bar?.weight));
    let weights = weights.fold(0, usize::saturating_add);
    let places = columns.into_iter().enumerate().map(|(at, one)| {
        let bar = one.bar.filter(|_| has_bars).map_or(0, |bar| {
            let share = left.saturating_mul(bar.weight).checked_div(weights).unwrap_or(0);
            bar.least.saturating_add(share).min(bar.most)
        });
        let text = if at == 0 { longest } else { one.width };
        let space = usize::from(bar > 0);
        Place {
            column: one.column,
            width: text.saturating_add(bar).saturating_add(space),
            bar,
        }
    });
    places.collect()
}
