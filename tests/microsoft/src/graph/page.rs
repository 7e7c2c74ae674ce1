//! Pages: tokens that lead to the next one, and the loop that fills them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::error::GraphError;
use super::{Call, Reply};
use crate::json::Json;
use crate::seeded::mix;

/// Seconds that a page token lives.
const PAGE_LIFETIME: i64 = 600;

/// What a token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The next page of a list.
    List,
    /// The next page of the first round of a delta query.
    First,
    /// The next page of a later round.
    Later,
    /// The beginning of the next round.
    Round,
}

/// The content of a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cursor {
    /// What it stands for.
    pub kind: Kind,
    /// Whose it is.
    pub tenant: Uuid,
    /// The collection.
    pub path: String,
    /// The options it is bound to.
    pub query: String,
    /// When it was issued.
    pub at: i64,
    /// Where the page begins.
    pub position: u32,
    /// Where in the journal the round begins.
    pub from: usize,
    /// Where in the journal the round ends.
    pub to: usize,
}

/// Seals and opens tokens. The key is of this process: after a restart no token is known.
#[derive(Debug)]
pub struct Pages {
    key: u64,
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            key: Uuid::new_v4().as_u64_pair().0,
        }
    }
}

impl Pages {
    /// A token in which nothing can be read.
    pub fn seal(&self, cursor: &Cursor) -> String {
        let mut content = serde_json::to_vec(cursor).unwrap_or_default();
        let nonce = self.digest(&content);
        self.cross(&mut content, nonce);
        let token = [&nonce.to_le_bytes()[..], &content].concat();
        URL_SAFE_NO_PAD.encode(token)
    }

    /// What a token of this process holds.
    pub fn open(&self, token: &str) -> Option<Cursor> {
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, content) = token.split_first_chunk::<8>()?;
        let nonce = u64::from_le_bytes(*nonce);
        let mut content = content.to_vec();
        self.cross(&mut content, nonce);
        (self.digest(&content) == nonce).then(|| serde_json::from_slice(&content).ok())?
    }

    fn digest(&self, content: &[u8]) -> u64 {
        content
            .iter()
            .fold(self.key, |hash, byte| mix(hash, 0x5EA1, u64::from(*byte)))
    }

    fn cross(&self, content: &mut [u8], nonce: u64) {
        for (chunk, i) in content.chunks_mut(8).zip(0..) {
            let stream = mix(self.key ^ nonce, 0xC055, i).to_le_bytes();
            chunk
                .iter_mut()
                .zip(stream)
                .for_each(|(byte, key)| *byte ^= key);
        }
    }
}

/// How large pages are.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Without `$top`.
    pub default: u32,
    /// The largest `$top`.
    pub most: u32,
    /// Pages are cut to this, whatever `$top` says.
    pub cut: u32,
}

impl Sizes {
    /// Pages of `default`, or of `$top` up to `most`.
    pub const fn new(default: u32, most: u32) -> Self {
        Self {
            default,
            most,
            cut: most,
        }
    }
}

impl Call<'_> {
    /// Opens a page token, unless it is of another tenant, another query, or too old.
    pub fn page_token(&self, token: &str, query: &str) -> Result<Cursor, GraphError> {
        let cursor = self.world.pages.open(token).filter(|cursor| {
            cursor.kind != Kind::Round
                && cursor.tenant == self.tenant.facts.id
                && cursor.path == self.path
                && (cursor.kind != Kind::List || cursor.query == query)
        });
        let Some(cursor) = cursor else {
            let message =
                "The specified page token value is invalid and cannot be included in your request.";
            return Err(GraphError::bad_request(message));
        };
        if self.world.clock.now() - cursor.at > PAGE_LIFETIME {
            let message = "The specified page token value has expired and cannot be included in your request.";
            return Err(GraphError::new(400, "Directory_ExpiredPageToken", message));
        }
        Ok(cursor)
    }

    /// The address of this collection, with this query.
    pub fn link(&self, query: &str) -> String {
        format!("{}v1.0/{}?{query}", self.world.graph_url, self.path)
    }

    /// One page of the objects below `total`; `write` writes one, or says that there is none there.
    pub fn page(
        &self,
        total: u32,
        sizes: Sizes,
        write: &dyn Fn(u32, &mut Json) -> bool,
    ) -> Result<Reply, GraphError> {
        let top = self
            .query
            .top(sizes.most)?
            .unwrap_or(sizes.default)
            .min(sizes.cut);
        let query = self.query.bound();
        let skips = self.resource.options.contains("$skip ");
        // What takes no page token has one page.
        let pages = skips || self.resource.options.contains("$skiptoken");
        let top = if pages {
            top.min(self.world.largest_page)
        } else {
            top
        };
        let position = match self.query.get("$skiptoken") {
            Some(token) => self.page_token(token, &query)?.position,
            None if skips => self.query.skip()?,
            None => 0,
        };
        let mut items = Json::default();
        let next = fill(position, total, top, &mut items, write);
        let link = next.map(|next| {
            let joint = if query.is_empty() { "" } else { "&" };
            if skips {
                return self.link(&format!("{query}{joint}$skip={next}"));
            }
            let token = self.world.pages.seal(&Cursor {
                kind: Kind::List,
                tenant: self.tenant.facts.id,
                path: self.path.to_owned(),
                query: query.clone(),
                at: self.world.clock.now(),
                position: next,
                from: 0,
                to: 0,
            });
            self.link(&format!("{query}{joint}$skiptoken={token}"))
        });
        let count = self.wants_count().then(|| {
            (0..total)
                .filter(|i| write(*i, &mut Json::default()))
                .count()
        });
        Ok(self.collection(&items.text, count, link.map(|link| ("nextLink", link))))
    }

    /// One page of objects that are few enough to be built one and all.
    pub fn page_of(&self, objects: &[Value], sizes: Sizes) -> Result<Reply, GraphError> {
        let select = self.query.select(self.resource)?;
        let total = u32::try_from(objects.len()).unwrap_or(u32::MAX);
        self.page(total, sizes, &|i, json| {
            json.value(&project(&objects[i as usize], select.as_deref()));
            true
        })
    }

    /// Whether the count of all objects was asked for, in the way the directory wants it.
    fn wants_count(&self) -> bool {
        self.query.get("$count") == Some("true") && self.eventual
    }

    /// The envelope of a collection around items that are JSON already.
    pub fn collection(
        &self,
        items: &str,
        count: Option<usize>,
        link: Option<(&str, String)>,
    ) -> Reply {
        let mut json = Json {
            text: String::with_capacity(items.len() + 512),
        };
        json.raw("{\"@odata.context\":");
        json.string(&self.context());
        if let Some(count) = count {
            json.raw(",\"@odata.count\":");
            json.number(i64::try_from(count).unwrap_or_default());
        }
        if let Some((name, link)) = link {
            json.raw(",\"@odata.");
            json.raw(name);
            json.raw("\":");
            json.string(&link);
        }
        json.raw(",\"value\":[");
        json.raw(items);
        json.raw("]}");
        Reply::Json(json.text)
    }
}

/// Writes up to `top` objects from `position` on; gives where the next page begins, if there is one.
pub fn fill(
    position: u32,
    total: u32,
    top: u32,
    items: &mut Json,
    write: &dyn Fn(u32, &mut Json) -> bool,
) -> Option<u32> {
    let mut written = 0;
    for index in position..total {
        let before = items.text.len();
        if before > 0 {
            items.raw(",");
        }
        let exists = write(index, items);
        if !exists || written == top {
            items.text.truncate(before);
        }
        if exists && written == top {
            return Some(index);
        }
        written += u32::from(exists);
    }
    None
}

/// The selected properties of an object, what is not selected by name (`@odata.type`, `id`) included.
pub fn project(object: &Value, select: Option<&[String]>) -> Value {
    match (object, select) {
        (Value::Object(fields), Some(names)) => {
            let kept = fields
                .iter()
                .filter(|(name, _)| *name == "id" || name.starts_with('@') || names.contains(name));
            Value::Object(
                kept.map(|(name, value)| (name.clone(), value.clone()))
                    .collect(),
            )
        }
        _ => object.clone(),
    }
}
