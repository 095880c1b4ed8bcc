//! A canvas as a reader sees it: tokens, masks, and what the last step did.

use console::{Style, Term};
use dlm_discrete::unmasking::Step;
use dlm_runtime::Model;
use unicode_width::UnicodeWidthChar;

use super::sample::Place;
use crate::Error;

/// A masked position.
const MASK: char = '░';
/// A position that was just masked again.
const REMASKED: char = '▒';

/// Shows canvases, from the first position that was masked to the last.
pub(super) struct Watch {
    /// The text of every token.
    texts: Vec<String>,
}

/// What the last step did to a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Masked,
    Known,
    Committed,
    Remasked,
}

/// One position.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cell {
    text: String,
    state: State,
}

impl Watch {
    pub(super) fn new(model: &Model) -> Result<Self, Error> {
        let vocab = model.description().vocab;
        let texts = match model.text() {
            Ok(codec) => codec.texts(vocab).into_iter().map(Option::unwrap_or_default).collect(),
            // Without a tokenizer a token shows as its id.
            Err(_) => (0..vocab).map(|id| format!(" {id}")).collect(),
        };
        Ok(Self { texts })
    }

    /// The canvas after a step in one line: `[just committed]`, `░` masked, `▒` masked again.
    pub(super) fn line(&self, place: Place, step: &Step<'_>) -> String {
        let piece = |cell: Cell| match cell.state {
            State::Committed => format!("[{}]", cell.text),
            _ => cell.text,
        };
        let text: String = self.cells(step).into_iter().map(piece).collect();
        format!("{} {text}", title(place, step))
    }

    /// The canvas after a step in lines that fit the terminal, just committed tokens and
    /// those masked again in colour.
    pub(super) fn page(&self, place: Place, step: &Step<'_>) -> String {
        let (rows, columns) = Term::stderr().size();
        let lines = wrap(&self.cells(step), usize::from(columns).max(2) - 1);
        // What just happened has to be among what fits above the bar.
        let most = usize::from(rows).saturating_sub(4).max(1);
        let news = lines.iter().position(|line| line.iter().any(|cell| cell.state.is_new()));
        let first = news.unwrap_or(0).min(lines.len().saturating_sub(most));
        let shown = lines.iter().skip(first).take(most);
        let painted = shown.map(|line| line.iter().map(Cell::painted).collect::<String>());
        let page: Vec<String> = [title(place, step)].into_iter().chain(painted).collect();
        page.join("\n")
    }

    fn cells(&self, step: &Step<'_>) -> Vec<Cell> {
        let response = step.canvas.response();
        let (first, last) = (response.first().copied(), response.last().copied());
        let cell = |position: usize| {
            let masked = step.canvas.is_masked(position);
            let state = match masked {
                true if step.remasked.contains(&position) => State::Remasked,
                true => State::Masked,
                false if step.committed.iter().any(|new| new.position == position) => {
                    State::Committed
                }
                false => State::Known,
            };
            let text = match state {
                State::Masked => MASK.to_string(),
                State::Remasked => REMASKED.to_string(),
                State::Known | State::Committed => self.text(step.canvas.tokens()[position]),
            };
            Cell { text, state }
        };
        (first.unwrap_or(1)..=last.unwrap_or(0)).map(cell).collect()
    }

    /// A token's text with its control characters made visible.
    fn text(&self, token: u32) -> String {
        let text = self.texts.get(token as usize).map_or("", String::as_str);
        let visible = |c: char| match c {
            '\n' => '⏎',
            '\t' => '⇥',
            c if c.is_control() => '·',
            c => c,
        };
        text.chars().map(visible).collect()
    }
}

impl State {
    fn is_new(self) -> bool {
        matches!(self, Self::Committed | Self::Remasked)
    }
}

impl Cell {
    fn painted(&self) -> String {
        let style = Style::new().for_stderr();
        let style = match self.state {
            State::Known => return self.text.clone(),
            State::Masked => style.dim(),
            State::Committed => style.black().on_green(),
            State::Remasked => style.red(),
        };
        style.apply_to(&self.text).to_string()
    }
}

fn title(place: Place, step: &Step<'_>) -> String {
    let Place { prompt, sample } = place;
    format!("prompt {prompt}, sample {sample}, step {}, {} evaluations:", step.step, step.nfe)
}

/// Cuts cells into lines of at most `width` columns; a cell may span two lines.
fn wrap(cells: &[Cell], width: usize) -> Vec<Vec<Cell>> {
    let (mut lines, mut column) = (vec![Vec::<Cell>::new()], 0);
    for cell in cells {
        let mut piece = Cell { text: String::new(), state: cell.state };
        for c in cell.text.chars() {
            let columns = c.width().unwrap_or(0);
            if width < column + columns {
                let full = std::mem::take(&mut piece.text);
                push(&mut lines, Cell { text: full, state: cell.state });
                lines.push(Vec::new());
                column = 0;
            }
            piece.text.push(c);
            column += columns;
        }
        push(&mut lines, piece);
    }
    lines
}

fn push(lines: &mut [Vec<Cell>], cell: Cell) {
    if let Some(line) = lines.last_mut().filter(|_| !cell.text.is_empty()) {
        line.push(cell);
    }
}

#[cfg(test)]
mod tests {
    use dlm_core::Canvas;
    use dlm_discrete::unmasking::{Commitment, Step};

    use super::{Cell, State, Watch, wrap};
    use crate::generation::sample::Place;

    fn cell(text: &str) -> Cell {
        Cell { text: text.to_string(), state: State::Known }
    }

    #[test]
    fn a_line_marks_what_a_step_did() {
        let texts = ["zero", " one", "\ntwo", "<mask>"].map(String::from).to_vec();
        let mut canvas = Canvas::infill(vec![0, 3, 3, 1, 3, 3], 3).unwrap();
        canvas.commit(1, 2);
        canvas.commit(4, 1);
        let new = Commitment { position: 1, token: 2, probability: 0.5, entropy: 0.7 };
        let step = Step {
            row: 0,
            step: 4,
            block: 0,
            nfe: 5,
            committed: &[new],
            remasked: &[5],
            canvas: &canvas,
        };
        let line = Watch { texts }.line(Place { prompt: 2, sample: 1 }, &step);
        assert_eq!(line, "prompt 2, sample 1, step 4, 5 evaluations: [⏎two]░ one one▒");
    }

    #[test]
    fn lines_are_as_wide_as_the_terminal_whatever_the_script() {
        let cells = [cell("abc"), cell("日本"), cell(""), cell("de")];
        let texts = |width| -> Vec<String> {
            let lines = wrap(&cells, width);
            lines.iter().map(|line| line.iter().map(|c| c.text.as_str()).collect()).collect()
        };
        // A wide character takes two columns and is never cut in half.
        assert_eq!(texts(4), ["abc", "日本", "de"]);
        assert_eq!(texts(5), ["abc日", "本de"]);
        assert_eq!(texts(80), ["abc日本de"]);
    }
}
