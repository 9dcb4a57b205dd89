//! Draws what a call costs against what could make it cost more: three charts, with both axes
//! logarithmic. A cost that does not grow is a level line.

use std::fmt::{self, Write};
use std::time::Duration;

use cpu_time::ThreadTime;
use dism_emu::Emulator;

use crate::subjects::*;

/// The size of a chart, and the distance from one to the next.
const WIDTH: f64 = 200.0;
const HEIGHT: f64 = 150.0;
const STRIDE: f64 = 265.0;

/// Both can be seen on a light page and on a dark one.
const COLORS: [&str; 2] = ["#3987e5", "#d97706"];

struct Chart {
    title: &'static str,
    /// What there are more and more of.
    of: &'static str,
    lines: Vec<Line>,
}

/// A name, and how many there are beside the nanoseconds that a call takes.
type Line = (&'static str, Vec<(u32, f64)>);

/// Measures, and returns the picture.
pub(crate) fn draw() -> String {
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 230\" width=\"100%\" \
         font-family=\"sans-serif\" font-size=\"11\" fill=\"currentColor\" role=\"img\">\n\
         <title>Cost against open sessions, waiting threads and length of the journal</title>\n",
    );
    for (index, chart) in [sessions(), waiters(), journal()].iter().enumerate() {
        chart.draw(&mut svg, 45.0 + STRIDE * index as f64).expect("a string has room");
    }
    svg + "</svg>\n"
}

fn sessions() -> Chart {
    let (dism, fake) = (initialized(false), fake());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut opened = 0;
    for count in (0..=6).map(|power| 10_u32.pow(power)) {
        while opened < count {
            open(&dism, &path(opened));
            open_fake(&fake, &path(opened));
            opened += 1;
        }
        let emulator = || repeat(1000, || open_and_close(&dism, IMAGE));
        let rival = || repeat(1000, || open_and_close_fake(&fake, IMAGE));
        ours.push((count, best(1000, emulator)));
        theirs.push((count, best(1000, rival)));
    }
    let lines = vec![("emulator", ours), ("quick fake", theirs)];
    Chart { title: "open and close", of: "open sessions", lines }
}

fn waiters() -> Chart {
    let (dism, fair) = (initialized(false), Fair::new(0));
    let session = open(&dism, IMAGE);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for count in [1, 2, 5, 10, 20, 50, 100, 200, 500] {
        let wait = || begin(&dism, session);
        let emulator = || queued(count as usize, 4, wait, || operation(&dism, session)).time;
        let rival = || queued(count as usize, 4, || fair.lock(), || fair_unit(&fair)).time;
        ours.push((count, best(4 * count, emulator)));
        theirs.push((count, best(4 * count, rival)));
    }
    let lines = vec![("emulator", ours), ("FairMutex", theirs)];
    Chart { title: "operation", of: "threads that wait", lines }
}

fn journal() -> Chart {
    let measure = |steps: u32| {
        let builder = Emulator::builder().verify_on_drop(false);
        let emulator = builder.journal_limit(usize::MAX).build();
        let dism = emulator.dism();
        dism.initialize().expect("a new process");
        let session = open(&dism, IMAGE);
        (0..steps / 2).for_each(|_| operation(&dism, session));
        close(&dism, session);
        dism.shutdown().expect("nothing is open");
        (steps, best(steps, || repeat(1, || assert!(emulator.verify().is_ok()))))
    };
    let lines = vec![("emulator", (1..=6).map(|power| measure(10_u32.pow(power))).collect())];
    Chart { title: "verification, per step", of: "steps in the journal", lines }
}

/// Measures only the time in which this thread has a core: others may be running, and no rival is in
/// the same round.
fn repeat(times: u32, mut work: impl FnMut()) -> Duration {
    let start = ThreadTime::now();
    (0..times).for_each(|_| work());
    start.elapsed()
}

/// Returns the nanoseconds of a call in the best of some runs.
fn best(calls: u32, run: impl Fn() -> Duration) -> f64 {
    let best = (0..25).map(|_| run()).min().expect("some");
    best.as_nanos() as f64 / f64::from(calls)
}

impl Chart {
    fn draw(&self, svg: &mut String, left: f64) -> fmt::Result {
        let points = || self.lines.iter().flat_map(|line| &line.1);
        let most = points().map(|point| f64::from(point.0).log10()).fold(1.0, f64::max);
        // At least three powers of ten, so that noise does not look like a slope.
        let low = points().map(|point| point.1.log10().floor()).fold(f64::MAX, f64::min);
        let high = points().map(|point| point.1.log10().ceil()).fold(low + 3.0, f64::max);
        let x = |count: f64| WIDTH * count / most;
        let y = |cost: f64| HEIGHT * (high - cost) / (high - low);

        writeln!(svg, r#"<g transform="translate({left} 30)">"#)?;
        writeln!(svg, r#"<text y="-14" font-weight="bold">{}, ns</text>"#, self.title)?;
        let middle = WIDTH / 2.0;
        writeln!(svg, r#"<text x="{middle}" y="184" text-anchor="middle">{}</text>"#, self.of)?;
        for power in 0..=most as i32 {
            let (x, power) = (x(power.into()), short(power));
            writeln!(svg, r#"<text x="{x:.0}" y="166" text-anchor="middle">{power}</text>"#)?;
        }
        for power in low as i32..=high as i32 {
            let (y, power) = (y(power.into()), short(power));
            writeln!(svg, r#"<path d="M0 {y:.0}h{WIDTH}" stroke="currentColor" opacity="0.25"/>"#)?;
            writeln!(svg, r#"<text x="-6" y="{y:.0}" dy="4" text-anchor="end">{power}</text>"#)?;
        }
        for (index, ((name, points), color)) in self.lines.iter().zip(COLORS).enumerate() {
            let y_name = 14 + 14 * index;
            writeln!(svg, r#"<text x="6" y="{y_name}" fill="{color}">{name}</text>"#)?;
            write!(svg, r#"<polyline fill="none" stroke="{color}" stroke-width="2" points=""#)?;
            for (count, cost) in points {
                write!(svg, "{:.0},{:.0} ", x(f64::from(*count).log10()), y(cost.log10()))?;
            }
            writeln!(svg, r#""/>"#)?;
        }
        writeln!(svg, "</g>")
    }
}

/// Writes a power of ten as on an axis.
fn short(power: i32) -> String {
    let unit = ["", "k", "M", "G"][power as usize / 3];
    format!("{}{unit}", 10_u32.pow(power as u32 % 3))
}
