//! Charts as SVG, each with what it shows in words. Nothing in them is a script or a style of its own.

use super::escaped;
use jiff::Timestamp;
use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 26.0;

/// A stretch of time along the width of a chart.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    from: i64,
    to: i64,
}

impl Axis {
    /// An axis over all of the times; `None` of nothing.
    pub fn over(times: impl IntoIterator<Item = Timestamp>) -> Option<Self> {
        let seconds: Vec<i64> = times.into_iter().map(Timestamp::as_second).collect();
        let (from, to) = (*seconds.iter().min()?, *seconds.iter().max()?);
        Some(Self {
            from,
            to: to.max(from + 3600),
        })
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "seconds of a chart stay far below 2^53"
    )]
    /// The part of it around some times; `None` where that is most of it.
    pub fn around(self, times: &[Timestamp], before: i64, after: i64) -> Option<Self> {
        let first = times.iter().min()?.as_second() - before;
        let last = times.iter().max()?.as_second() + after;
        let (from, to) = (first.max(self.from), last.min(self.to));
        (to > from && (to - from) * 3 < self.to - self.from).then_some(Self { from, to })
    }

    /// Whether it holds a time.
    pub fn holds(self, at: Timestamp) -> bool {
        (self.from..=self.to).contains(&at.as_second())
    }

    fn x(self, seconds: i64) -> f64 {
        let share = (seconds - self.from) as f64 / (self.to - self.from) as f64;
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    /// Midnights that divide it into a readable number of parts.
    fn ticks(self) -> Vec<i64> {
        let days = (self.to - self.from) / 86_400 + 1;
        let step = [1, 2, 7, 14, 28, 91, 365]
            .into_iter()
            .find(|step| days / step <= 10)
            .unwrap_or(3650);
        let first = (self.from + 86_399).div_euclid(86_400);
        (0..)
            .map(|index| (first + index * step) * 86_400)
            .take_while(|at| *at <= self.to)
            .take(16)
            .collect()
    }
}

/// A moment that is marked on a chart.
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// The number by which the text refers to it.
    pub number: usize,
}

/// An hour or more of mail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// Its beginning.
    pub at: Timestamp,
    /// Mails.
    pub mails: f64,
    /// Of which were filtered.
    pub filtered: f64,
    /// What is normal.
    pub normal: Option<f64>,
    /// The most that is normal.
    pub upper: Option<f64>,
}

/// One line of a time line.
pub struct Lane<'l> {
    /// What it shows.
    pub name: &'l str,
    /// When something was, each with the number of its change if it is one.
    pub moments: Vec<(Timestamp, Option<usize>)>,
    /// Mail, where it shows that, as a share of the most.
    pub mail: Vec<(Timestamp, f64)>,
}

/// Opens a chart with its title and description for those who do not see it.
fn open(id: &str, height: f64, title: &str, description: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>",
        escaped(title),
        escaped(description)
    )
}

fn day(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map(|time| time.strftime("%-d %b").to_string())
        .unwrap_or_default()
}

/// The days below a chart.
fn days(svg: &mut String, axis: Axis, bottom: f64) {
    let _ = write!(
        svg,
        "<path class=\"axis\" d=\"M{LEFT} {bottom}H{}\"/>",
        WIDTH - RIGHT
    );
    for tick in axis.ticks() {
        let x = axis.x(tick);
        let anchor = if x > WIDTH - 40.0 { "end" } else { "middle" };
        let _ = write!(
            svg,
            "<path class=\"axis\" d=\"M{x:.1} {bottom}v5\"/><text class=\"quiet\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            bottom + 18.0,
            day(tick)
        );
    }
}

/// Marks with their numbers; those that stand too close share a line of text.
fn marks(svg: &mut String, axis: Axis, marks: &[Mark], bottom: f64) {
    let mut last = f64::NEG_INFINITY;
    for mark in marks {
        let x = axis.x(mark.at.as_second());
        let _ = write!(svg, "<path class=\"mark\" d=\"M{x:.1} {TOP}V{bottom}\"/>");
        if x - last > 14.0 {
            let _ = write!(
                svg,
                "<text class=\"mark-text\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                TOP - 8.0,
                mark.number
            );
            last = x;
        }
    }
}

/// A round number that is not smaller.
fn ceiling(value: f64) -> f64 {
    let magnitude = 10_f64.powf(value.max(1.0).log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|step| step * magnitude)
        .find(|round| *round >= value)
        .unwrap_or(value)
}

/// Mail over time, with what is normal and the moments of change.
pub fn volume(
    id: &str,
    title: &str,
    description: &str,
    bars: &[Bar],
    moments: &[Mark],
    axis: Axis,
) -> String {
    const HEIGHT: f64 = 240.0;
    let bottom = HEIGHT - 30.0;
    let mut svg = open(id, HEIGHT, title, description);
    let most = bars
        .iter()
        .map(|bar| bar.mails.max(bar.upper.unwrap_or_default()))
        .fold(1.0, f64::max);
    // A band far above the mail would flatten it.
    let mails = bars.iter().map(|bar| bar.mails).fold(1.0, f64::max);
    let top = ceiling(most.min(mails * 2.0));
    let y = |value: f64| bottom - (value / top).min(1.0) * (bottom - TOP);
    let width = bars
        .iter()
        .zip(bars.iter().skip(1))
        .map(|(one, other)| other.at.as_second() - one.at.as_second())
        .min()
        .unwrap_or(3600)
        .max(3600);
    let steps = |of: &dyn Fn(&Bar) -> Option<f64>, closed: bool| {
        let mut path = String::new();
        let mut end = None;
        for bar in bars {
            let Some(value) = of(bar) else { continue };
            let from = bar.at.as_second();
            let (x, right, height) = (axis.x(from), axis.x(from + width), y(value));
            // Hours without mail are not there: the line goes down between them.
            if end != Some(from) {
                if closed && end.is_some() {
                    let _ = write!(path, "V{bottom}Z");
                }
                let start = if closed { bottom } else { height };
                let _ = write!(path, "M{x:.1} {start:.1}");
            }
            let _ = write!(path, "V{height:.1}H{right:.1}");
            end = Some(from + width);
        }
        if closed && end.is_some() {
            let _ = write!(path, "V{bottom}Z");
        }
        path
    };
    // Moments lie behind the mail, which they would hide.
    marks(&mut svg, axis, moments, bottom);
    for (class, closed, of) in [
        (
            "band",
            true,
            &(|bar: &Bar| bar.upper) as &dyn Fn(&Bar) -> Option<f64>,
        ),
        ("area", true, &|bar: &Bar| {
            Some(bar.mails).filter(|mails| *mails > 0.0)
        }),
        ("spam", true, &|bar: &Bar| {
            Some(bar.filtered).filter(|mails| *mails > 0.0)
        }),
        ("normal", false, &|bar: &Bar| bar.normal),
    ] {
        let _ = write!(svg, "<path class=\"{class}\" d=\"{}\"/>", steps(of, closed));
    }
    for share in [0.0, 0.5, 1.0] {
        let height = y(top * share);
        let _ = write!(
            svg,
            "<path class=\"axis\" d=\"M{} {height:.1}H{LEFT}\"/><text class=\"quiet\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 5.0,
            LEFT - 9.0,
            height + 4.0,
            top * share
        );
    }
    let _ = write!(
        svg,
        "<text class=\"quiet\" x=\"{LEFT}\" y=\"{}\">mails an hour, or in each step</text>",
        TOP + 4.0
    );
    days(&mut svg, axis, bottom);
    svg.push_str("</svg>");
    svg
}

/// Changes, actors and mail on one axis.
pub fn time_line(
    id: &str,
    title: &str,
    description: &str,
    lanes: &[Lane<'_>],
    axis: Axis,
) -> String {
    const LANE: f64 = 44.0;
    #[allow(clippy::cast_precision_loss, reason = "lanes are few")]
    let height = TOP + LANE * lanes.len() as f64 + 30.0;
    let bottom = height - 30.0;
    let mut svg = open(id, height, title, description);
    let mut top = TOP;
    for lane in lanes {
        let base = top + LANE - 8.0;
        let _ = write!(
            svg,
            "<text x=\"{LEFT}\" y=\"{:.1}\">{}</text>",
            top + 10.0,
            escaped(&label(lane.name))
        );
        for (at, share) in &lane.mail {
            let x = axis.x(at.as_second());
            let high = (share.clamp(0.0, 1.0) * (LANE - 22.0)).max(1.0);
            let _ = write!(
                svg,
                "<path class=\"mail\" d=\"M{x:.1} {base:.1}v-{high:.1}\"/>"
            );
        }
        for (numbers, x) in together(&lane.moments, axis) {
            let (anchor, at) = if x > WIDTH - 80.0 {
                ("end", x - 7.0)
            } else {
                ("start", x + 7.0)
            };
            let _ = write!(
                svg,
                "<text class=\"mark-text\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{numbers}</text>",
                base - 4.0
            );
        }
        for (at, number) in &lane.moments {
            let x = axis.x(at.as_second());
            match number {
                Some(_) => {
                    let _ = write!(
                        svg,
                        "<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"4.5\"/>",
                        base - 8.0
                    );
                }
                None => {
                    let _ = write!(
                        svg,
                        "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"2.5\"/>",
                        base - 8.0
                    );
                }
            }
        }
        let _ = write!(
            svg,
            "<path class=\"axis\" d=\"M{LEFT} {base:.1}H{}\"/>",
            WIDTH - RIGHT
        );
        top += LANE;
    }
    days(&mut svg, axis, bottom);
    svg.push_str("</svg>");
    svg
}

/// A label that fits.
fn label(name: &str) -> String {
    const MOST: usize = 60;
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    let start: String = name.chars().take(MOST).collect();
    format!("{start}…")
}

/// The numbers of moments that stand too close for a number each: `3–7`.
fn together(moments: &[(Timestamp, Option<usize>)], axis: Axis) -> Vec<(String, f64)> {
    let mut groups: Vec<(usize, usize, f64)> = Vec::new();
    for (at, number) in moments {
        let Some(number) = *number else { continue };
        let x = axis.x(at.as_second());
        match groups.last_mut() {
            Some((_, last, near)) if x - *near < 40.0 => {
                *last = number;
                *near = x;
            }
            _ => groups.push((number, number, x)),
        }
    }
    groups
        .into_iter()
        .map(|(first, last, x)| {
            if first == last {
                (first.to_string(), x)
            } else {
                (format!("{first}–{last}"), x)
            }
        })
        .collect()
}

/// Joins bars so that there are not more than a chart can show.
pub fn joined(bars: &[Bar], axis: Axis) -> Vec<Bar> {
    const MOST: i64 = 900;
    let hours = (axis.to - axis.from) / 3600 + 1;
    let span = (hours + MOST - 1) / MOST;
    let span = [1, 2, 3, 6, 12, 24]
        .into_iter()
        .find(|step| *step >= span)
        .unwrap_or(span);
    let mut joined: Vec<Bar> = Vec::new();
    for bar in bars {
        let start = bar.at.as_second().div_euclid(span * 3600) * span * 3600;
        match joined
            .last_mut()
            .filter(|last| last.at.as_second() == start)
        {
            Some(last) => {
                last.mails += bar.mails;
                last.filtered += bar.filtered;
                last.normal = last.normal.zip(bar.normal).map(|(one, other)| one + other);
                last.upper = last.upper.zip(bar.upper).map(|(one, other)| one + other);
            }
            None => {
                if let Ok(at) = Timestamp::from_second(start) {
                    joined.push(Bar { at, ..*bar });
                }
            }
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_an_axis_are_round() {
        for (value, round) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (7.0, 10.0),
            (43.0, 50.0),
            (212.0, 250.0),
            (1001.0, 2000.0),
        ] {
            assert_eq!(ceiling(value), round, "{value}");
        }
    }

    #[test]
    fn names_in_a_chart_are_inert() {
        let at = Timestamp::UNIX_EPOCH;
        let axis = Axis::over([at]).unwrap();
        let lanes = [Lane {
            name: "</text><script>",
            moments: vec![(at, Some(1))],
            mail: Vec::new(),
        }];
        let svg = time_line("t", "<b>", "\"", &lanes, axis);
        assert!(!svg.contains("<script>") && !svg.contains("<b>"), "{svg}");
    }
}
