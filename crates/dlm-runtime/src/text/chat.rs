//! Chat templates: the Jinja programs that checkpoints ship to phrase a conversation.
//!
//! A template comes with a checkpoint, so it is a stranger's program: it runs with
//! a budget of instructions and of text, and sees nothing but the conversation. The
//! budgets stop mistakes, and loops that print; a program made to waste memory can
//! still glue a string to itself until there is none.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use minijinja::{
    Environment, Error as JinjaError, ErrorKind, State, Value, context, filters,
    value::{Kwargs, Rest, StringInput},
};
use minijinja_contrib::pycompat;

use crate::{Error, checkpoint::Config};

/// Far more than any published template needs for one turn; a template that loops
/// for ever reaches it in a fraction of a second.
const FUEL: u64 = 1_000_000;

/// A longer text than this cannot be meant.
const MOST_BYTES: usize = 16 << 20;

/// Padding and indentation beyond this cannot be meant.
const WIDEST: i64 = 1_000_000;

/// A checkpoint's template.
pub(crate) struct ChatTemplate {
    path: PathBuf,
    source: String,
    special: Vec<(&'static str, String)>,
}

impl ChatTemplate {
    /// The template in chat_template.jinja, or in tokenizer_config.json, where it is
    /// a string or a list of named ones, of which `default` is taken.
    pub(crate) fn find(folder: &Path, settings: Option<&Config>) -> Result<Option<Self>, Error> {
        let apart = folder.join("chat_template.jinja");
        let (path, source) = if apart.exists() {
            let source = std::fs::read_to_string(&apart)
                .map_err(|source| Error::Read { path: apart.clone(), source })?;
            (apart, source)
        } else {
            let Some(settings) = settings else { return Ok(None) };
            let source = match settings.get("chat_template") {
                None => return Ok(None),
                Some(serde_json::Value::Array(named)) => {
                    let default = |entry: &&serde_json::Value| {
                        entry.get("name").and_then(|name| name.as_str()) == Some("default")
                    };
                    named.iter().find(default).and_then(|entry| entry.get("template"))
                }
                other => other,
            };
            let source = source.and_then(|source| source.as_str()).ok_or_else(|| {
                let problem = "should be a template, or a list with one called default";
                settings.complaint("chat_template", problem)
            })?;
            (settings.path().to_path_buf(), source.to_string())
        };
        let mut special = Vec::new();
        for role in ["bos_token", "eos_token", "unk_token", "pad_token"] {
            let token = settings.and_then(|settings| settings.get(role));
            let token = token.and_then(|token| token.get("content").or(Some(token)));
            if let Some(content) = token.and_then(|token| token.as_str()) {
                special.push((role, content.to_string()));
            }
        }
        Ok(Some(Self { path, source, special }))
    }

    /// A conversation of one user turn, up to where the answer begins.
    pub(crate) fn render(&self, prompt: &str) -> Result<String, Error> {
        let failed = |error: JinjaError| Error::Template {
            path: self.path.clone(),
            problem: match error.kind() {
                ErrorKind::OutOfFuel => {
                    format!("it did not end within {FUEL} instructions; does it loop?")
                }
                _ => format!("{error}; see the checkpoint's page for a mended one"),
            },
        };
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(|state, value, method, arguments| {
            if method == "format" {
                refuse_wide(value, arguments)?;
            }
            pycompat::unknown_method_callback(state, value, method, arguments)
        });
        environment.add_filter(
            "format",
            |state: &State<'_, '_>, text: &Value, all: Rest<Value>| {
                refuse_wide(text, &all)?;
                filters::format(state, text, all)
            },
        );
        environment.add_filter(
            "tojson",
            |value: &Value, indent: Option<Value>, named: Kwargs| -> Result<Value, JinjaError> {
                let widths = [indent.clone(), named.peek::<Option<Value>>("indent")?];
                refuse_wide(&Value::UNDEFINED, &widths.map(Option::unwrap_or_default))?;
                filters::tojson(value, indent, named)
            },
        );
        environment.add_filter(
            "indent",
            |text: StringInput<'_>, width: Option<Value>, rest: Rest<Value>, named: Kwargs| {
                let widths = [width.clone(), named.peek::<Option<Value>>("width")?];
                refuse_wide(&Value::UNDEFINED, &widths.map(Option::unwrap_or_default))?;
                let flag = |index: usize| rest.get(index).map(Value::is_true);
                let width = width.map(usize::try_from).transpose()?;
                filters::indent(text, width, flag(0), flag(1), named)
            },
        );
        // What is captured in a variable does not reach the writer below.
        let printed = AtomicUsize::new(0);
        environment.set_formatter(move |out, state, value| {
            let mut length = Length(0);
            let fits = write!(length, "{value}").is_ok();
            if !fits || MOST_BYTES < printed.fetch_add(length.0, Ordering::Relaxed) + length.0 {
                return Err(too_long());
            }
            minijinja::escape_formatter(out, state, value)
        });
        environment.add_function("raise_exception", |message: String| -> Result<Value, _> {
            Err(JinjaError::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_template("chat", &self.source).map_err(failed)?;
        let turn = context! { role => "user", content => prompt };
        let special: Value =
            self.special.iter().map(|(k, v)| (*k, Value::from(v.as_str()))).collect();
        let conversation =
            context! { messages => [turn], add_generation_prompt => true, ..special };
        let mut text = Bounded(Vec::new());
        let template = environment.get_template("chat").map_err(failed)?;
        template.render_captured_to(conversation, &mut text).map_err(failed)?;
        String::from_utf8(text.0).map_err(|error| Error::Template {
            path: self.path.clone(),
            problem: format!("the text is not UTF-8: {error}"),
        })
    }
}

/// Refuses widths of padding that would fill the memory.
fn refuse_wide(format: &Value, arguments: &[Value]) -> Result<(), JinjaError> {
    let mut numbers = arguments.iter().filter_map(|argument| i64::try_from(argument.clone()).ok());
    let digits = WIDEST.to_string().len();
    let mut runs = format.as_str().unwrap_or("").split(|c: char| !c.is_ascii_digit());
    if numbers.any(|number| WIDEST < number) || runs.any(|run| digits <= run.len()) {
        let problem = format!("a width beyond {WIDEST} is refused");
        return Err(JinjaError::new(ErrorKind::InvalidOperation, problem));
    }
    Ok(())
}

fn too_long() -> JinjaError {
    let problem = format!("the text exceeds {MOST_BYTES} bytes");
    JinjaError::new(ErrorKind::InvalidOperation, problem)
}

/// Counts what is written and stops when it is too much.
struct Length(usize);

impl std::fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 += text.len();
        if self.0 <= MOST_BYTES { Ok(()) } else { Err(std::fmt::Error) }
    }
}

/// A buffer that refuses to grow without end.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if MOST_BYTES < self.0.len() + bytes.len() {
            return Err(std::io::Error::other(format!("the text exceeds {MOST_BYTES} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
