//! Reads the sources: what they use and define, and what breaks a rule of the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::table::{IMPURE, IN_MEMORY, MACROS, ROWS, Row, SQL, TERMINAL, begins_with, row_of};

/// A source file: its path from the root of the package, and its text.
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A broken rule.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) what: String,
    /// What is allowed instead.
    pub(crate) allowed: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}\n    {}", self.file, self.line, self.what, self.allowed)
    }
}

/// A path that is written somewhere outside of tests.
#[derive(Debug)]
pub(crate) struct Use {
    pub(crate) file: String,
    pub(crate) line: usize,
    /// The module that uses it.
    pub(crate) module: Vec<String>,
    pub(crate) used: Used,
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Used {
    /// A module or an item of ours, from the crate's root.
    Ours(Vec<String>),
    /// Another crate.
    Crate(String),
}

/// A type that is defined outside of tests and functions.
#[derive(Debug)]
pub(crate) struct TypeName {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) name: String,
}

/// All that was read.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// What breaks a rule of the table.
    pub(crate) violations: Vec<Violation>,
    pub(crate) uses: Vec<Use>,
    pub(crate) types: Vec<TypeName>,
    /// Every module outside of tests, from the crate's root.
    pub(crate) modules: BTreeSet<Vec<String>>,
    /// What a module imports or passes on: the path of the name in it, and the path to the item.
    pub(crate) imports: BTreeMap<Vec<String>, Vec<String>>,
}

/// What has to be known of the package to read its paths.
pub(crate) struct Crate {
    /// The names of the crates that a path can begin with, beside `std`, `core` and `alloc`.
    pub(crate) dependencies: BTreeSet<String>,
}

impl Crate {
    /// Everything in `files` that breaks a rule of the table.
    pub(crate) fn check(&self, files: &[SourceFile]) -> Vec<Violation> {
        self.read(files).violations
    }

    /// Reads `files`.
    pub(crate) fn read(&self, files: &[SourceFile]) -> Reading {
        let parsed: Vec<_> = files
            .iter()
            .map(|file| {
                let tree = syn::parse_file(&file.text);
                (file, tree.unwrap_or_else(|error| panic!("{}: {error}", file.path)))
            })
            .collect();
        // `#[cfg(test)] mod tests;` makes a test of another file and of all below it.
        let mut tests = BTreeSet::new();
        for (file, tree) in &parsed {
            find_test_modules(&module_of(&file.path), &tree.items, &mut tests);
        }
        let mut reading = Reading::default();
        for (file, tree) in &parsed {
            let module = module_of(&file.path);
            let is_test = (1..=module.len()).any(|end| tests.contains(&module[..end]));
            if !is_test {
                reading.modules.insert(module.clone());
            }
            let mut walk = Walk {
                package: self,
                file,
                row: row_of(ROWS, &module),
                module,
                locals: BTreeSet::new(),
                blocks: 0,
                reading: &mut reading,
            };
            walk.check_first_line();
            walk.check_row();
            if !is_test {
                walk.collect_locals(&tree.items);
                walk.visit_file(tree);
            }
        }
        reading
    }
}

/// `src/tui/view/lane.rs` is `tui::view::lane`; the library's root is nothing.
pub(crate) fn module_of(path: &str) -> Vec<String> {
    let path = path.strip_prefix("src/").unwrap_or(path);
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let mut module: Vec<String> = path.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] {
        module.pop();
    }
    module
}

fn find_test_modules(module: &[String], items: &[syn::Item], tests: &mut BTreeSet<Vec<String>>) {
    for item in items {
        let syn::Item::Mod(item) = item else { continue };
        let inner = [module, &[item.ident.to_string()]].concat();
        if is_for_tests(&item.attrs) {
            tests.insert(inner);
        } else if let Some((_, items)) = &item.content {
            find_test_modules(&inner, items, tests);
        }
    }
}

/// Whether an attribute keeps the item out of what is shipped: `cfg(test)`, `cfg(all(test, ..))`.
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        let condition = list.tokens.to_string().replace(' ', "");
        list.path.is_ident("test")
            || list.path.is_ident("cfg")
                && (condition == "test" || condition.starts_with("all(test,"))
    })
}

/// One file being read.
struct Walk<'a> {
    package: &'a Crate,
    file: &'a SourceFile,
    row: Option<&'static Row>,
    /// Where we are: grows with modules written inside the file.
    module: Vec<String>,
    /// Names of modules declared in the file, which a path can begin with like with a crate's.
    locals: BTreeSet<String>,
    /// Bodies of functions that we are in.
    blocks: usize,
    reading: &'a mut Reading,
}

impl Walk<'_> {
    fn report(&mut self, span: Span, what: impl Into<String>, allowed: impl Into<String>) {
        self.reading.violations.push(Violation {
            file: self.file.path.clone(),
            // What is missing has no place: it should have stood in the first line.
            line: span.start().line.max(1),
            what: what.into(),
            allowed: allowed.into(),
        });
    }

    fn check_first_line(&mut self) {
        let sentence = self.file.text.lines().next().and_then(|line| line.strip_prefix("//! "));
        if sentence.is_none_or(|sentence| sentence.trim().is_empty()) {
            let what = "the file does not begin with a //! line";
            self.report(Span::call_site(), what, "say what the file owns and what it must not do");
        }
    }

    fn check_row(&mut self) {
        if self.row.is_none() && !self.module.is_empty() {
            let what = format!("the module {} has no row in the import table", self.module[0]);
            let allowed = "add it to tests/architecture/table.rs with its reason";
            self.report(Span::call_site(), what, allowed);
        }
    }

    fn collect_locals(&mut self, items: &[syn::Item]) {
        for item in items {
            if let syn::Item::Mod(item) = item {
                self.locals.insert(item.ident.to_string());
            }
        }
    }

    /// Looks at one path, as written.
    fn check_path(&mut self, path: &[String], span: Span) {
        let Some(first) = path.first() else { return };
        match first.as_str() {
            "crate" => self.check_ours(&path[1..], span),
            "self" | "super" => self.check_ours(&self.absolute(path), span),
            "std" | "core" | "alloc" => self.check_std(path, span),
            name if self.locals.contains(name) => {}
            name if self.package.dependencies.contains(name) => self.check_crate(name, span),
            _ => {}
        }
        self.check_clock(path, span);
    }

    fn note(&mut self, used: Used, span: Span) {
        self.reading.uses.push(Use {
            file: self.file.path.clone(),
            line: span.start().line,
            module: self.module.clone(),
            used,
        });
    }

    fn note_type(&mut self, name: &syn::Ident) {
        self.reading.types.push(TypeName {
            file: self.file.path.clone(),
            line: name.span().start().line,
            name: name.to_string(),
        });
    }

    /// Notes that `name` in this module stands for the item at `path`, as written.
    fn note_import(&mut self, name: &syn::Ident, path: &[String]) {
        let Some(first) = path.first() else { return };
        let target = match first.as_str() {
            "crate" => path[1..].to_vec(),
            "self" | "super" => self.absolute(path),
            local if self.locals.contains(local) => [&self.module, path].concat(),
            _ => return,
        };
        let name = [&self.module[..], &[name.to_string()]].concat();
        if name != target {
            self.reading.imports.insert(name, target);
        }
    }

    /// A path that begins with `self` or `super`, from the crate's root.
    fn absolute(&self, path: &[String]) -> Vec<String> {
        let steps = path.iter().take_while(|part| matches!(part.as_str(), "self" | "super"));
        let (steps, ups) = steps
            .fold((0, 0), |(steps, ups), part| (steps + 1, ups + usize::from(part == "super")));
        let depth = self.module.len().saturating_sub(ups);
        [&self.module[..depth], &path[steps..]].concat()
    }

    /// A path to a module of ours, from the crate's root.
    fn check_ours(&mut self, path: &[String], span: Span) {
        self.note(Used::Ours(path.to_vec()), span);
        let Some(row) = self.row else { return };
        let own = begins_with(path, row.module);
        if own || row.ours.iter().any(|ours| *ours == "*" || begins_with(path, ours)) {
            return;
        }
        let what = format!("{} uses crate::{}", row.module, path.join("::"));
        self.report(span, what, allowed("modules", row.ours, row));
    }

    fn check_crate(&mut self, name: &str, span: Span) {
        self.note(Used::Crate(name.to_owned()), span);
        let Some(row) = self.row else { return };
        if name == "rusqlite" && !SQL.contains(&row.module) {
            let what = format!("{} uses the crate rusqlite", row.module);
            self.report(span, what, format!("SQL stands in {} only", SQL.join(", ")));
            return;
        }
        if row.crates.iter().any(|allowed| *allowed == "*" || *allowed == name) {
            return;
        }
        let what = format!("{} uses the crate {name}", row.module);
        self.report(span, what, allowed("crates", row.crates, row));
    }

    fn check_std(&mut self, path: &[String], span: Span) {
        let Some(row) = self.row.filter(|row| row.pure) else { return };
        let is_in_memory = IN_MEMORY.iter().any(|pure| begins_with(path, pure));
        if !is_in_memory && IMPURE.iter().any(|impure| begins_with(path, impure)) {
            let what = format!("{} is pure and uses {}", row.module, path.join("::"));
            self.report(span, what, "it takes as arguments what files, sockets and clocks say");
        }
    }

    /// `now` is asked of no type in a pure module, whatever the type is called there.
    fn check_clock(&mut self, path: &[String], span: Span) {
        let Some(row) = self.row.filter(|row| row.pure) else { return };
        if path.len() > 1 && path.last().is_some_and(|last| last == "now") {
            let what = format!("{} is pure and asks the clock: {}", row.module, path.join("::"));
            self.report(span, what, "the time is an argument");
        }
    }

    /// What a terminal acts on stands in one module.
    fn check_text(&mut self, text: &str, span: Span) {
        let [file, below] = TERMINAL;
        let is_there = self.file.path == file || self.file.path.starts_with(below);
        if !is_there && text.contains(['\u{1b}', '\u{9b}']) {
            let allowed = format!("escape sequences are written in {file} and {below} only");
            self.report(span, "an escape sequence in a literal", allowed);
        }
    }

    fn check_macro(&mut self, name: &str, span: Span) {
        if MACROS.contains(&name) {
            let what = format!("{name}! is used");
            self.report(span, what, "write to the writer that the caller hands over");
        }
    }

    /// What stands inside a macro is no syntax tree: paths, macros and literals are found by sight.
    fn check_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut start = Span::call_site();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end_of_path(&mut path, start);
                        start = ident.span();
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    let is_bang =
                        matches!(&other, TokenTree::Punct(punct) if punct.as_char() == '!');
                    if let Some(name) = path.last().filter(|_| is_bang).cloned() {
                        self.check_macro(&name, start);
                    }
                    self.end_of_path(&mut path, start);
                    colons = 0;
                    match other {
                        TokenTree::Group(group) => self.check_tokens(group.stream()),
                        TokenTree::Literal(literal) => self.visit_lit(&syn::Lit::new(literal)),
                        _ => {}
                    }
                }
            }
        }
        self.end_of_path(&mut path, start);
    }

    fn end_of_path(&mut self, path: &mut Vec<String>, start: Span) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.check_path(&path, start);
        }
    }

    fn check_use(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.check_use(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.check_path(before, name.span());
            }
            syn::UseTree::Name(name) => {
                self.note_import(&name.ident, &with(&name.ident));
                self.check_path(&with(&name.ident), name.span());
            }
            syn::UseTree::Rename(name) => {
                self.note_import(&name.rename, &with(&name.ident));
                self.check_path(&with(&name.ident), name.span());
            }
            syn::UseTree::Glob(glob) => self.check_path(before, glob.span()),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.check_use(before, tree));
            }
        }
    }
}

fn allowed(kind: &str, list: &[&str], row: &Row) -> String {
    let list = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    format!("{} may use the {kind}: {list} ({})", row.module, row.why)
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Const(item) => &item.attrs,
            syn::Item::Enum(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Static(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            syn::Item::Trait(item) => &item.attrs,
            syn::Item::Type(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if is_for_tests(attributes) {
            return;
        }
        if self.blocks == 0 {
            match item {
                syn::Item::Enum(syn::ItemEnum { ident, .. })
                | syn::Item::Struct(syn::ItemStruct { ident, .. })
                | syn::Item::Trait(syn::ItemTrait { ident, .. })
                | syn::Item::Type(syn::ItemType { ident, .. })
                | syn::Item::Union(syn::ItemUnion { ident, .. }) => self.note_type(ident),
                _ => {}
            }
        }
        visit::visit_item(self, item);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.blocks += 1;
        visit::visit_block(self, block);
        self.blocks -= 1;
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        self.reading.modules.insert(self.module.clone());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.check_use(&[], &item.tree);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.check_crate(&item.ident.to_string(), item.span());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let parts: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
            self.check_path(&parts, path.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if let Some(name) = call.path.segments.last() {
            self.check_macro(&name.ident.to_string(), call.path.span());
        }
        self.visit_path(&call.path);
        self.check_tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        // Documentation is an attribute as well, and may speak of anything.
        if let syn::Meta::List(list) = &attribute.meta {
            self.visit_path(&list.path);
            self.check_tokens(list.tokens.clone());
        }
    }

    fn visit_lit(&mut self, literal: &'ast syn::Lit) {
        let span = literal.span();
        match literal {
            syn::Lit::Str(text) => self.check_text(&text.value(), span),
            syn::Lit::Char(c) => self.check_text(&c.value().to_string(), span),
            syn::Lit::ByteStr(bytes) => {
                self.check_text(&String::from_utf8_lossy(&bytes.value()), span);
            }
            syn::Lit::CStr(text) => self.check_text(&text.value().to_string_lossy(), span),
            syn::Lit::Byte(byte) => self.check_text(&char::from(byte.value()).to_string(), span),
            _ => {}
        }
    }
}
