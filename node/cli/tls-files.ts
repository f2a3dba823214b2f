import type { TlsFiles } from '../tls-files.ts'
import { CliError, EXIT } from './errors.ts'

/** What `--tls-cert` and `--tls-key` name. Throws CliError when one is there without the other. */
export function tlsFiles({ tlsCert, tlsKey }: { tlsCert?: string; tlsKey?: string }): TlsFiles | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert !== undefined && tlsKey !== undefined) return { cert: tlsCert, key: tlsKey }
  throw new CliError('USAGE', EXIT.usage, 'A certificate and its key go together: --tls-cert and --tls-key.')
}
