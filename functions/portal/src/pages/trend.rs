//! Trends as small pictures: inline SVG with attributes only, which the content security policy
//! lets pass.

use maud::{Markup, html};

const WIDTH: f64 = 160.0;
const HEIGHT: f64 = 40.0;
const EDGE: f64 = 3.0;

/// A line through the points that are known, with its meaning in words. Fewer than two points
/// make no line.
pub fn line(points: &[Option<u64>], words: &str) -> Markup {
    let known: Vec<(usize, f64)> = points
        .iter()
        .enumerate()
        .filter_map(|(i, n)| n.map(|n| (i, as_float(n))))
        .collect();
    let (Some(first), Some(last)) = (known.first(), known.last()) else {
        return html! {};
    };
    if known.len() < 2 {
        return html! {};
    }
    let low = known.iter().map(|(_, n)| *n).fold(f64::INFINITY, f64::min);
    let high = known.iter().map(|(_, n)| *n).fold(0.0, f64::max);
    let span = as_float((last.0 - first.0) as u64);
    let at = |(i, n): &(usize, f64)| {
        let x = EDGE + (WIDTH - 2.0 * EDGE) * as_float((i - first.0) as u64) / span;
        let height = if high > low {
            (n - low) / (high - low)
        } else {
            0.5
        };
        (x, HEIGHT - EDGE - (HEIGHT - 2.0 * EDGE) * height)
    };
    let places: Vec<String> = known
        .iter()
        .map(|point| {
            let (x, y) = at(point);
            format!("{x:.1},{y:.1}")
        })
        .collect();
    let places = places.join(" ");
    let (end_x, _) = at(last);
    html! {
        svg.trend viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(words) preserveAspectRatio="none" {
            polygon points=(format!("{EDGE},{HEIGHT} {places} {end_x:.1},{HEIGHT}")) {}
            polyline points=(places) vector-effect="non-scaling-stroke" {}
        }
    }
}

/// A bar of how much of a whole is taken.
pub fn bar(part: u64, whole: u64, words: &str) -> Markup {
    let share = if whole == 0 {
        0.0
    } else {
        (as_float(part) / as_float(whole)).min(1.0)
    };
    html! {
        svg.bar viewBox="0 0 100 6" role="img" aria-label=(words) preserveAspectRatio="none" {
            rect.all width="100" height="6" {}
            rect.part width=(format!("{:.1}", share * 100.0)) height="6" {}
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a picture 160 points wide shows no more digits than a float keeps"
)]
fn as_float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_takes_two_points() {
        assert!(line(&[], "x").into_string().is_empty());
        assert!(line(&[Some(1), None], "x").into_string().is_empty());
        let drawn = line(&[None, Some(1), None, Some(3)], "up").into_string();
        assert!(drawn.contains("3.0,37.0 157.0,3.0"), "{drawn}");
        assert!(!drawn.contains("style="));
    }
}
