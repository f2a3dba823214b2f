import { visible, visibleJson } from '../../base/visible.ts'
import { toJson } from '../http/json.ts'
import type { Failure } from './errors.ts'
import type { SafeText } from './text.ts'

/** Where a command speaks: results on stdout, everything else on stderr. */
export interface Output {
  readonly json: boolean
  /** stderr is a terminal: progress may be drawn there */
  readonly interactive: boolean
  /** One result: `text` for people, `value` as one JSON line for programs. */
  result(value: object, text: SafeText): Promise<void>
  /** Bytes to stdout, at the pace of their reader. */
  bytes(data: Uint8Array): Promise<void>
  /** For people only, on stderr. */
  say(text: SafeText): void
  failure(failure: Failure): void
}

// pipes hold 64 KiB; larger slices only queue up
const WRITE_BYTES = 256 * 1024

type Stream = Pick<NodeJS.WritableStream, 'write' | 'on'> & { isTTY?: boolean }

export interface Streams {
  stdout: Stream
  stderr: Stream
}

export function createOutput({ stdout, stderr }: Streams, json: boolean): Output {
  const write = (data: string | Uint8Array) =>
    new Promise<void>((resolve, reject) => stdout.write(data, error => (error ? reject(error) : resolve())))

  return {
    json,
    interactive: !json && stderr.isTTY === true,
    result: (value, text) => write(json ? jsonLine(value) : `${text}\n`),
    async bytes(data) {
      for (let start = 0; start < data.length; start += WRITE_BYTES)
        await write(data.subarray(start, start + WRITE_BYTES))
    },
    say(text) {
      if (!json) stderr.write(`${text}\n`)
    },
    failure(failure) {
      const { message, hint } = failure
      stderr.write(
        json
          ? jsonLine({ error: failure })
          : `floe: ${visible(message)}${hint === undefined ? '' : `\n      ${visible(hint)}`}\n`,
      )
    },
  }
}

const jsonLine = (value: object): string => `${visibleJson(toJson(value))}\n`

/** The reader of stdout has gone, as `head` does: no failure, there is just nobody left to write to. */
export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'EPIPE'
}
