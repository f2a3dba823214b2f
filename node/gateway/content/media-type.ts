import { HttpError } from '../../http/errors.ts'
import { asciiOf, extendedValue } from './header-text.ts'

export const UNKNOWN_TYPE = 'application/octet-stream'

/** What a browser does with an answer: its type, and whether it is shown or saved. */
export interface Presentation {
  type: string
  /** saved as a file, never shown */
  isAttachment: boolean
}

/** type/subtype and parameters, as RFC 9110, 8.3.1 has them; no commas, which would make two of one. */
const TYPE =
  /^([\w!#$&^.+-]{1,64})\/([\w!#$&^.+-]{1,64})(\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[^"\\,]*"))*\s*$/

/** Types by which a browser runs scripts (WHATWG MIME Sniffing, 4.6), or that decide how a page looks. */
const SCRIPT =
  /^(text|application)\/(x-)?(java|ecma|j|live)script(1\.[0-5])?$|^text\/css$|^text\/(xsl|html)$|^application\/(xhtml\+xml|mathml.*)$/
const XML = /^(text|application)\/xml$|\+xml$/
/** Types that are shown, and execute nothing. Everything else is saved. */
const SHOWN =
  /^(image|audio|video|font)\/[^;]*$|^text\/(plain|csv|markdown)$|^application\/(pdf|json|ogg|octet-stream)$/

/** Checks a media type that somebody names; undefined when it is none. */
export function parseType(text: string): string | undefined {
  return TYPE.test(text) ? text.trim() : undefined
}

/**
 * How a stranger's bytes of a type are sent so that no browser executes them: HTML, scripts, styles and XML are plain text. An SVG
 * keeps its type, so that it may be an image of a page, where it runs nothing; by itself it is saved.
 */
export function inert(type: string): Presentation {
  const essence = (type.split(';')[0] ?? '').trim().toLowerCase()
  if (essence === 'image/svg+xml') return { type: essence, isAttachment: true }
  if (SCRIPT.test(essence) || XML.test(essence))
    return { type: 'text/plain; charset=utf-8', isAttachment: false }
  return { type, isAttachment: !SHOWN.test(essence) }
}

/** The one concrete type that an `Accept` names, as Walrus's aggregators mirror it. */
export function acceptedType(accept: string | undefined): string | undefined {
  if (accept === undefined || accept.includes('*') || accept.includes(',')) return undefined
  // a weight is the header's and not the type's
  return parseType(accept.replace(/;\s*q=[\d.]+\s*$/i, ''))
}

/** `?content-type=` of a request. Throws 400. */
export function typeParam(text: string): string {
  const type = parseType(text)
  if (type !== undefined) return type
  throw new HttpError(400, 'INVALID_PARAMETER', 'content-type must be a media type such as image/png', {
    metadata: { parameter: 'content-type' },
  })
}

/** `Content-Disposition` (RFC 6266). */
export function disposition(kind: 'inline' | 'attachment', name: string | undefined): string {
  if (name === undefined) return kind
  const plain = asciiOf(name)
  const fallback = `${kind}; filename="${(plain ?? name.replace(/[^\x20-\x7e]/g, '_')).replace(/["\\]/g, '\\$&')}"`
  return plain === undefined ? `${fallback}; filename*=${extendedValue(name)}` : fallback
}

const EXTENSIONS: Readonly<Record<string, string>> = {
  ...{ png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp' },
  ...{ avif: 'image/avif', svg: 'image/svg+xml', ico: 'image/x-icon', bmp: 'image/bmp', tiff: 'image/tiff' },
  ...{ heic: 'image/heic', jxl: 'image/jxl' },
  ...{ mp3: 'audio/mpeg', m4a: 'audio/mp4', wav: 'audio/wav', ogg: 'audio/ogg', opus: 'audio/ogg' },
  ...{ flac: 'audio/flac', aac: 'audio/aac', mid: 'audio/midi' },
  ...{ mp4: 'video/mp4', m4v: 'video/mp4', webm: 'video/webm', mov: 'video/quicktime', ogv: 'video/ogg' },
  ...{ mkv: 'video/x-matroska', avi: 'video/x-msvideo' },
  ...{ pdf: 'application/pdf', json: 'application/json', zip: 'application/zip', gz: 'application/gzip' },
  ...{ wasm: 'application/wasm', epub: 'application/epub+zip' },
  ...{ txt: 'text/plain; charset=utf-8', md: 'text/markdown; charset=utf-8', csv: 'text/csv; charset=utf-8' },
  ...{ html: 'text/html', htm: 'text/html', js: 'text/javascript', mjs: 'text/javascript', css: 'text/css' },
  ...{ xml: 'application/xml', woff: 'font/woff', woff2: 'font/woff2', ttf: 'font/ttf', otf: 'font/otf' },
}

/** The type that the end of a file's name stands for, if any. */
export function typeOfName(name: string): string | undefined {
  const [, extension = ''] = /\.([a-z0-9]+)$/i.exec(name) ?? []
  return Object.hasOwn(EXTENSIONS, extension.toLowerCase()) ? EXTENSIONS[extension.toLowerCase()] : undefined
}
