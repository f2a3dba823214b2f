import { createHash, type Hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { HttpError } from './errors.ts'

/** Hashes that a request says its body has, computed while it arrives. */
export interface DigestCheck {
  update(bytes: Uint8Array): void
  /** Throws 400 when one of them is another. */
  finish(): void
}

/** Tells the SHA-256 and the length of a body that has arrived to a check of its own, which throws. */
export function sha256Check(check: (sha256: Buffer, bytes: number) => void): DigestCheck {
  const hash = createHash('sha256')
  let length = 0
  return {
    update(bytes) {
      hash.update(bytes)
      length += bytes.length
    },
    finish: () => check(hash.digest(), length),
  }
}

interface Expected {
  header: string
  algorithm: string
  value: Buffer
  hash: Hash
}

/** Of RFC 9530's algorithms those that can be computed here; the insecure ones find accidents, which is what they are sent for. */
const ALGORITHMS: Record<string, { name: string; bytes: number }> = {
  'sha-256': { name: 'sha256', bytes: 32 },
  'sha-512': { name: 'sha512', bytes: 64 },
  md5: { name: 'md5', bytes: 16 },
  sha: { name: 'sha1', bytes: 20 },
}
/** One member of a dictionary of byte sequences (RFC 8941, 3.2 and 3.3.5), parameters left out of account. */
const MEMBER = /^([a-z*][a-z0-9_\-.*]*)=:([A-Za-z0-9+/]*={0,2}):(?:;.*)?$/

/**
 * What `Content-Digest`, `Repr-Digest` (RFC 9530) and `Content-MD5` say of a body. The body is the whole representation
 * here, as neither ranges nor encodings are taken. Unknown algorithms are passed over; throws 400 for what is none of it.
 */
export function expectedDigests({ headers }: IncomingMessage): DigestCheck {
  const expected: Expected[] = []
  const md5 = headers['content-md5']
  if (typeof md5 === 'string') expect('Content-MD5', 'md5', md5.trim())
  for (const header of ['Content-Digest', 'Repr-Digest']) {
    const text = headers[header.toLowerCase()]
    if (typeof text !== 'string' || text.trim() === '') continue
    for (const member of text.split(',')) {
      const [, algorithm, value] = MEMBER.exec(member.trim()) ?? []
      if (algorithm === undefined || value === undefined) {
        throw malformed(header, 'is a list such as sha-256=:BASE64:')
      }
      expect(header, algorithm, value)
    }
  }

  function expect(header: string, algorithm: string, base64: string): void {
    const known = ALGORITHMS[algorithm]
    if (known === undefined) return
    const value = Buffer.from(base64, 'base64')
    if (value.length !== known.bytes || value.toString('base64') !== base64) {
      throw malformed(header, `needs ${known.bytes} bytes in Base64 for ${algorithm}`)
    }
    expected.push({ header, algorithm, value, hash: createHash(known.name) })
  }

  return {
    update(bytes) {
      for (const { hash } of expected) hash.update(bytes)
    },
    finish() {
      for (const { header, algorithm, value, hash } of expected) {
        const actual = hash.digest()
        if (actual.equals(value)) continue
        throw new HttpError(400, 'DIGEST_MISMATCH', `the body does not have the ${algorithm} of ${header}`, {
          metadata: { header, algorithm, actual: actual.toString('base64') },
        })
      }
    },
  }
}

function malformed(header: string, what: string): HttpError {
  return new HttpError(400, 'INVALID_DIGEST', `the header ${header} ${what}`, { metadata: { header } })
}
