import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { CodedError } from '../base/coded-error.ts'
import type { TlsCertificate } from './network/web-socket/listening.ts'

/** Files of a certificate (with its chain) and its key, PEM. */
export interface TlsFiles {
  cert: string
  key: string
}

/** TLS_FILES: they cannot be read, or are no certificate and its key. */
export type TlsErrorCode = 'TLS_FILES'

/** A certificate that cannot be used. */
export class TlsError extends CodedError<Record<TlsErrorCode, TlsFiles>> {
  override readonly name = 'TlsError'
}

/** Reads a certificate, seen from a folder. Throws TlsError. */
export async function readTls(files: TlsFiles, folder: string): Promise<TlsCertificate> {
  const cert = resolve(folder, files.cert)
  const key = resolve(folder, files.key)
  try {
    const certificate = { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') }
    // says whether they belong together
    createSecureContext(certificate)
    return certificate
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new TlsError(
      'TLS_FILES',
      `${cert} and ${key} are no certificate and its key: ${why}`,
      { cert, key },
      { cause },
    )
  }
}
