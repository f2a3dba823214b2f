import { defined } from '../../../base/defined.ts'

/** The first blob ID in what was pasted or dropped: itself, or in a link. */
export function blobIdIn(text: string): string | undefined {
  return /(?:^|[^\w-])([\w-]{43})(?![\w-])/.exec(text)?.[1]
}

/** What a link to the page names: `#BLOB_ID`, or `#blob=BLOB_ID&network=0x…`. */
export function linkOf(hash: string): { blobId?: string; network?: string } {
  const text = hash.replace(/^#/, '')
  const named = new URLSearchParams(text)
  const blobId = blobIdIn(named.get('blob') ?? (text.includes('=') ? '' : text))
  const network = named.get('network') ?? undefined
  return defined({ blobId, network })
}
