/** Bytes from the beginning that tell the type. */
export const SNIFF_BYTES = 512

type Pattern = readonly [at: number, bytes: string, type: string]

/** Signatures of images, audio, video and PDF (WHATWG MIME Sniffing, 6 and 7); one character of `bytes` is one byte. */
const SIGNATURES: readonly Pattern[] = [
  [0, '\x89PNG\r\n\x1a\n', 'image/png'],
  [0, '\xff\xd8\xff', 'image/jpeg'],
  [0, 'GIF87a', 'image/gif'],
  [0, 'GIF89a', 'image/gif'],
  [8, 'WEBP', 'image/webp'],
  [0, '\x00\x00\x01\x00', 'image/x-icon'],
  [0, 'II*\x00', 'image/tiff'],
  [0, 'MM\x00*', 'image/tiff'],
  [0, '\xff\x0a', 'image/jxl'],
  [0, '\x00\x00\x00\x0cJXL \r\n\x87\n', 'image/jxl'],
  [0, '%PDF-', 'application/pdf'],
  [8, 'WAVE', 'audio/wav'],
  [8, 'AVI ', 'video/x-msvideo'],
  [0, 'ID3', 'audio/mpeg'],
  [0, '\xff\xfb', 'audio/mpeg'],
  [0, '\xff\xf3', 'audio/mpeg'],
  [0, '\xff\xf2', 'audio/mpeg'],
  [0, '\xff\xf1', 'audio/aac'],
  [0, '\xff\xf9', 'audio/aac'],
  [0, 'fLaC', 'audio/flac'],
  [0, 'MThd\x00\x00\x00\x06', 'audio/midi'],
]
/** they count only after RIFF */
const RIFF = new Set(['image/webp', 'audio/wav', 'video/x-msvideo'])
/** Brands of the ISO base media format that are not video. */
const BRANDS: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  avis: 'image/avif',
  heic: 'image/heic',
  heix: 'image/heic',
  mif1: 'image/heif',
  'M4A ': 'audio/mp4',
  'M4B ': 'audio/mp4',
  'qt  ': 'video/quicktime',
}

/**
 * The media type of what begins with these bytes (`SNIFF_BYTES` of them, or all): an image, audio, video, PDF, or text that is UTF-8.
 * Nothing that a browser would execute; undefined when it is none of them.
 */
export function sniff(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, SNIFF_BYTES))
  const text = head.toString('latin1')
  for (const [at, signature, type] of SIGNATURES) {
    if (text.startsWith(signature, at) && (!RIFF.has(type) || text.startsWith('RIFF'))) return type
  }
  // 'BM' alone begins many a text
  if (text.startsWith('BM') && head.length >= 14 && head.readUInt32LE(6) === 0) return 'image/bmp'
  if (text.startsWith('ftyp', 4)) return BRANDS[text.slice(8, 12)] ?? 'video/mp4'
  if (text.startsWith('\x1a\x45\xdf\xa3')) return text.includes('webm') ? 'video/webm' : 'video/x-matroska'
  if (text.startsWith('OggS')) return text.includes('theora') ? 'video/ogg' : 'audio/ogg'
  return isText(head) ? 'text/plain; charset=utf-8' : undefined
}

/** Control characters other than those of text make it binary (WHATWG MIME Sniffing, 3). */
function isText(head: Uint8Array): boolean {
  if (head.length === 0) return false
  for (const byte of head) {
    if (byte < 0x20 && ![0x09, 0x0a, 0x0c, 0x0d, 0x1b].includes(byte)) return false
  }
  try {
    // what was cut off in mid-character is text all the same
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
    return true
  } catch {
    return false
  }
}
