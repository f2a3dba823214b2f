import { randomBytes } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeAtomically } from '../base/atomic-file.ts'
import { CodedError } from '../base/coded-error.ts'
import { isExposed } from '../base/private-file.ts'

/**
 * KEY_MISMATCH: it is not the one that the chain has for the node. NODE_UNKNOWN: the chain has no such node.
 * KEY_UNCLEAR: the file holds several, and which one was not said.
 */
export type KeyErrorCode =
  | 'KEY_MALFORMED'
  | 'KEY_EXPOSED'
  | 'KEY_MISSING'
  | 'KEY_MISMATCH'
  | 'KEY_UNCLEAR'
  | 'NODE_UNKNOWN'

interface KeyErrorDetails {
  path: string
  /** of KEY_UNCLEAR: those that the file holds keys of */
  addresses?: readonly string[]
}

/** A key file that cannot be used. Never quotes the file. */
export class KeyError extends CodedError<Record<KeyErrorCode, KeyErrorDetails>> {
  override readonly name = 'KeyError'
  readonly path: string

  constructor(code: KeyErrorCode, message: string, path: string, addresses?: readonly string[]) {
    super(code, message, addresses === undefined ? { path } : { path, addresses })
    this.path = path
  }
}

/** The text of a file that holds a key. Throws KEY_EXPOSED when others may read it; a missing file rejects with ENOENT. */
export async function readSecret(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    if (isExposed(await file.stat())) {
      throw new KeyError('KEY_EXPOSED', `others may read the key ${path}; run: chmod 600 ${path}`, path)
    }
    return (await file.readFile('utf8')).trim()
  } finally {
    await file.close()
  }
}

const FILE_MODE = 0o600
const HEX_32 = /^[0-9a-f]{64}$/

/** The 32-byte seed of a libp2p identity; made when the file is not there. Throws as `loadHex`. */
export function loadNetworkSeed(path: string): Promise<Uint8Array> {
  return loadHex(path, true)
}

/** 32 bytes in hex; when the file is not there and may be made, what `make` gives. Throws KeyError. */
export async function loadHex(
  path: string,
  mayCreate: boolean,
  make: () => Uint8Array = () => randomBytes(32),
): Promise<Uint8Array> {
  const text = await loadOrCreate(path, mayCreate, () => Buffer.from(make()).toString('hex'))
  if (!HEX_32.test(text)) throw new KeyError('KEY_MALFORMED', `${path} does not hold 64 hex digits`, path)
  return Uint8Array.from(Buffer.from(text, 'hex'))
}

/** The text of a key file, as `make` has it when the file is not there and may be. Throws KeyError. */
export async function loadOrCreate(path: string, mayCreate: boolean, make: () => string): Promise<string> {
  try {
    return await readSecret(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  if (!mayCreate) {
    throw new KeyError(
      'KEY_MISSING',
      `the key ${path} is missing, and what belongs to it is not: put it back from a backup`,
      path,
    )
  }
  await writeSecret(path, make())
  return readSecret(path)
}

/** Whole or not at all, and durable: a key that was registered on chain must not be lost to a crash. */
export async function writeSecret(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeAtomically(path, `${text}\n`, FILE_MODE)
}
