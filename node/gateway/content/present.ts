import type { IncomingMessage } from 'node:http'
import { defined } from '../../../base/defined.ts'
import type { Attributes } from './header-text.ts'
import { attributeHeaders } from './header-text.ts'
import {
  acceptedType,
  disposition,
  inert,
  type Presentation,
  parseType,
  typeOfName,
  typeParam,
  UNKNOWN_TYPE,
} from './media-type.ts'

export interface PresentInit {
  url: URL
  request: Pick<IncomingMessage, 'method' | 'headers'>
  attributes: Attributes
  /** the type that its first bytes were found to be of, if they were looked at */
  known: string | undefined
}

/** How content is sent to a browser. */
export interface ContentPresentation {
  headers: Record<string, string>
  /** nothing but the bytes can tell the type */
  isOpen: boolean
  /** the headers once they were looked at */
  sniffed(type: string): Record<string, string>
}

/** A PDF is shown by a viewer of the browser's own, which a sandbox would keep out. */
const PDF_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

/**
 * Type and disposition. In this order: `?content-type=` or `?filename=` of the request, what the attributes say, an `Accept` with one
 * concrete type, a `Content-Type` of the request (which Walrus's aggregators mirror), and what the bytes look like. Whatever it is,
 * no browser executes it. Throws 400.
 */
export function present({ url, request, attributes, known }: PresentInit): ContentPresentation {
  const said = attributeHeaders(attributes)
  const name = url.searchParams.get('filename') ?? undefined
  const asked = url.searchParams.get('content-type')
  const type =
    (asked === null ? undefined : typeParam(asked)) ??
    (name === undefined ? undefined : typeOfName(name)) ??
    (said['content-type'] === undefined ? undefined : parseType(said['content-type'])) ??
    acceptedType(request.headers.accept) ??
    (request.method === 'POST' ? undefined : parseType(request.headers['content-type'] ?? '')) ??
    known

  const headersFor = (type: string): Record<string, string> => {
    const presentation = inert(type)
    return defined<Record<string, string | undefined>>({
      ...said,
      'content-type': presentation.type,
      ...dispositionFor(presentation, name, said['content-disposition']),
      'content-security-policy': /^application\/pdf\b/.test(presentation.type) ? PDF_POLICY : undefined,
      // the answer depends on them
      vary: 'Accept, Content-Type',
    })
  }
  return {
    headers: headersFor(type ?? UNKNOWN_TYPE),
    isOpen: type === undefined,
    sniffed: headersFor,
  }
}

function dispositionFor(
  { isAttachment }: Presentation,
  name: string | undefined,
  said: string | undefined,
): Record<string, string> {
  if (name !== undefined)
    return { 'content-disposition': disposition(isAttachment ? 'attachment' : 'inline', name) }
  if (!isAttachment) return {}
  if (said === undefined) return { 'content-disposition': 'attachment' }
  // its name may stay, and not that it be shown
  return { 'content-disposition': said.replace(/^[^;]*/, 'attachment') }
}
