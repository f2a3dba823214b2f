/** A text that can stand in a header as it is: visible ASCII, no space at its ends; undefined for any other. */
export function asciiOf(text: string): string | undefined {
  return /^[\x20-\x7e]*$/.test(text) && text === text.trim() ? text : undefined
}

/** Any text as RFC 8187 writes it in a header: `UTF-8''` and percent-encoding. */
export function extendedValue(text: string): string {
  const encoded = encodeURIComponent(text).replace(
    /['()*]/g,
    char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `UTF-8''${encoded}`
}

/** Text as a header's value: as it is when it can be, else as RFC 8187 has it. */
export function headerText(text: string): string {
  return asciiOf(text) ?? extendedValue(text)
}

/** Headers that an attribute of a blob, or a tag of a quilt's file, may set: those that Walrus's aggregators allow. */
const ALLOWED = new Set([
  'content-type',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-location',
  'link',
])

/** Names of one word that mean something to browsers, caches or proxies. */
const TAKEN = new Set(
  (
    'accept age allow authorization close connection cookie cookie2 date destination dnt etag expect expires forwarded ' +
    'from host if keep-alive link location nel origin pragma priority range referer refresh server sourcemap status te ' +
    'timeout trailer upgrade vary via warning digest overwrite position prefer profile tk topic ttl urgency safe'
  ).split(' '),
)

/** What may be said of bytes by who stored them, as headers. */
export type Attributes = Readonly<Record<string, string>>

/** The attributes that are headers by their own name, lower case. Values that cannot stand in a header are left out. */
export function attributeHeaders(attributes: Attributes): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(attributes)) {
    const key = name.toLowerCase()
    if (ALLOWED.has(key) && value !== '' && asciiOf(value) !== undefined) headers[key] = value
  }
  return headers
}

/**
 * The tags of a quilt's file as headers: those of `attributeHeaders`, each one as `x-quilt-patch-tag-NAME`, and by its bare name
 * when that is a single word that nobody else gives a meaning to. At most `maxBytes` of them, so that clients take the head.
 */
export function tagHeaders(tags: Attributes, maxBytes = 8 * 1024): Record<string, string> {
  const headers = attributeHeaders(tags)
  let left = maxBytes
  for (const [name, value] of Object.entries(tags)) {
    const text = headerText(value)
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) continue
    const key = name.toLowerCase()
    left -= 2 * (key.length + text.length) + 32
    if (left < 0) break
    headers[`x-quilt-patch-tag-${key}`] = text
    if (/^[a-z][a-z0-9_]*$/.test(key) && !TAKEN.has(key)) headers[key] = text
  }
  return headers
}
