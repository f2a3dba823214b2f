import pino from 'pino'
import { defined } from './defined.ts'
import type { ScopedLog } from './log.ts'
import { visible, visibleJson, visibleLines } from './visible.ts'

/** Lines below the level are not written. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** What is logged, how, and where to. */
export interface LogOptions {
  level?: LogLevel
  /** one JSON object per line, for machines; otherwise one short line for people */
  json?: boolean
  /** standard error when absent, so that standard output stays for results */
  write?: (line: string) => void
}

/** Names under which a secret might be logged by accident, at any of three depths. */
const SECRET_NAMES = [
  'secret',
  'secretKey',
  'privateKey',
  'seed',
  'mnemonic',
  'blsSecret',
  'signer',
  'password',
  'authorization',
]
const REDACTED = SECRET_NAMES.flatMap(name => [name, `*.${name}`, `*.*.${name}`])
/** Sui's text form of a private key, wherever it is in a line. */
const SUI_KEY = /suiprivkey1[0-9a-z]{20,}/g

/** The process's log. Common fields: `node`, `peer`, `err`. */
export function createLog({
  level = 'info',
  json = false,
  write = line => process.stderr.write(line),
}: LogOptions = {}): ScopedLog {
  const line = (text: string) => {
    const safe = text.replace(SUI_KEY, '[redacted]')
    write(json ? visibleJson(safe) : pretty(safe))
  }
  return pino(
    {
      level,
      base: null,
      redact: { paths: REDACTED, censor: '[redacted]' },
      serializers: { err: describeError },
      formatters: { level: label => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    { write: line },
  )
}

/** Message and code of an error and of what caused it. Stacks only where no code says what happened. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const code = 'code' in error ? error.code : undefined
  const isCoded = typeof code === 'string'
  return defined({
    name: error.name,
    message: error.message,
    code: isCoded ? code : undefined,
    stack: isCoded ? undefined : error.stack,
    cause: error.cause === undefined ? undefined : describeError(error.cause),
  })
}

/** `12:00:00.000 WARN node-3 text field=value` */
function pretty(line: string): string {
  const { level, time, msg, node, err, ...fields } = JSON.parse(line) as Record<string, unknown>
  const parts = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const cause = err === undefined ? [] : [`error=${errorText(err)}`]
  const head = [
    String(time).slice(11, 23),
    String(level).toUpperCase().padEnd(5),
    ...(node === undefined ? [] : [node]),
  ]
  return `${[...head, msg, ...parts].map(visible).concat(cause.map(visibleLines)).join(' ')}\n`
}

function errorText(err: unknown): string {
  if (typeof err !== 'object' || err === null) return String(err)
  const { message, stack, cause } = err as { message?: string; stack?: string; cause?: unknown }
  const text = stack ?? message ?? JSON.stringify(err)
  return cause === undefined ? text : `${text} <- ${errorText(cause)}`
}
