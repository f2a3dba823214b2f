import { once } from 'node:events'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { isAbsolute, join } from 'node:path'
import type { Clock } from '../../../base/clock.ts'
import { CodedError } from '../../../base/coded-error.ts'
import type { Log } from '../../../base/log.ts'
import { onAbort } from '../../../base/wait.ts'
import type { AbortOptions } from '../../../protocols/ports.ts'
import type { AnnouncedKey } from '../presence/network-keys.ts'
import { isMissing } from '../store/pack-file.ts'
import type { BackupManifest, BackupRequest } from './backup.ts'
import { BackupError, type BackupErrorDetails } from './backup-error.ts'
import type { NodeStatus } from './node-status.ts'

/** Does what the operator asks a running node for. */
export interface Commands {
  backup(
    request: BackupRequest,
    options: { signal: AbortSignal; onProgress: (doneBytes: number, totalBytes: number) => void },
  ): Promise<BackupManifest>
  /** Makes the next network key, which listens at the TCP port from then on. */
  prepareNetworkKey(port: number): Promise<AnnouncedKey>
  /** How others reach it, and what its line carries. */
  status(): NodeStatus
}

/** One JSON document per line: a request, then any number of `done`, and a result or an error. */
type Request = { backup: BackupRequest } | { prepareNetworkKey: { port: number } } | { status: true }
interface Results {
  backup: BackupManifest
  status: NodeStatus
  prepareNetworkKey: Omit<AnnouncedKey, 'networkPublicKey'> & { networkPublicKey: string }
}
type Answer =
  | { done: number; total: number }
  | { result: Results[keyof Results] }
  | { error: { code: string; message: string; details: object } }

/** The running node could not do it, or has fallen silent: the code of its own reason. */
export class ControlError extends CodedError<{ NODE_FAILED: { reason: string } }> {
  override readonly name = 'ControlError'
}

/** What the system lets a socket's name have, on the strictest of them. */
const MAX_PATH_BYTES = 103
const MAX_LINE_CHARS = 64 * 1024
const REQUEST_MS = 10_000
/** A node says so often how far it is, and is given up when it has said nothing for so long. */
const TELL_MS = 1_000
const SILENT_MS = 60_000
const END_MS = 5_000
const CONNECTIONS = 4

/** In a folder that only the node's user may enter. */
const folderOf = (dir: string): string => join(dir, 'run')
const socketOf = (dir: string): string => join(folderOf(dir), 'control.sock')

/** Whether a running node can be asked: not where there are no Unix sockets, or its folder's path is too long for one. */
const canServe = (dir: string): boolean =>
  process.platform !== 'win32' && Buffer.byteLength(socketOf(dir)) <= MAX_PATH_BYTES

/**
 * Lets the user whose node this is ask it, by a socket of mode 0600 in its folder. The caller has the store: no other node
 * answers there. Gives what ends it.
 */
export async function serveControl(
  dir: string,
  commands: Commands,
  { clock, log }: { clock: Clock; log: Log },
): Promise<() => Promise<void>> {
  if (!canServe(dir)) {
    log.info(
      { dir },
      'the node cannot be asked for backups or a new network key: its folder can have no socket',
    )
    return async () => {}
  }
  await mkdir(folderOf(dir), { recursive: true, mode: 0o700 })
  await rm(socketOf(dir), { force: true })
  const stopping = new AbortController()
  const open = new Set<Promise<void>>()
  let isBusy = false
  const alone: Commands = {
    ...commands,
    async backup(request, options) {
      if (isBusy) throw new BackupError('BACKUP_BUSY', 'the node is making another backup', {})
      isBusy = true
      try {
        return await commands.backup(request, options)
      } finally {
        isBusy = false
      }
    },
  }
  const server = createServer(socket => {
    const serving = serve(socket, alone, clock, stopping.signal).catch(err =>
      log.debug({ err }, 'a request to the node itself broke off'),
    )
    open.add(serving)
    serving.finally(() => open.delete(serving))
  })
  server.maxConnections = CONNECTIONS
  await listen(server, socketOf(dir))
  // unheard, it would end the node: e.g. for want of file descriptors
  server.on('error', err => log.warn({ err }, 'a request to the node itself could not be accepted'))
  await chmod(socketOf(dir), 0o600)
  return async () => {
    stopping.abort(new DOMException('the node stops', 'AbortError'))
    const closed = once(server, 'close')
    server.close()
    await Promise.all(open)
    await closed
  }
}

async function listen(server: Server, path: string): Promise<void> {
  server.listen(path)
  await once(server, 'listening')
}

async function serve(socket: Socket, commands: Commands, clock: Clock, stopping: AbortSignal): Promise<void> {
  const gone = new AbortController()
  socket.on('error', () => {})
  socket.once('close', () => gone.abort(new DOMException('nobody waits for it', 'AbortError')))
  const signal = AbortSignal.any([gone.signal, stopping])
  const say = (answer: Answer): void => void (socket.writable && socket.write(`${JSON.stringify(answer)}\n`))
  let done = 0
  let total = 0
  const telling = clock.every(TELL_MS, () => say({ done, total }))
  try {
    const lines = linesOf(socket, clock, REQUEST_MS)
    const { value } = await lines.next()
    await lines.return(undefined)
    // so that it is noticed when the other side goes
    socket.resume()
    const request = requestOf(value ?? '')
    const onProgress = (doneBytes: number, totalBytes: number): void => {
      done = doneBytes
      total = totalBytes
    }
    say({ result: await answerTo(request, commands, { signal, onProgress }) })
  } catch (error) {
    const { code, message, details = {} } = error as BackupError | ControlError
    say({ error: { code: String(code ?? 'UNEXPECTED'), message, details } })
  } finally {
    telling.stop()
    // what was said is sent first, as far as somebody reads it
    socket.end()
    await clock.settlesWithin(closed(socket), END_MS)
    socket.destroy()
  }
}

const closed = async (socket: Socket): Promise<void> => {
  if (!socket.closed) await new Promise<void>(resolve => socket.once('close', () => resolve()))
}

async function answerTo(
  request: Request,
  commands: Commands,
  options: Parameters<Commands['backup']>[1],
): Promise<Results[keyof Results]> {
  if ('backup' in request) return await commands.backup(request.backup, options)
  if ('status' in request) return commands.status()
  const { networkPublicKey, ...announced } = await commands.prepareNetworkKey(request.prepareNetworkKey.port)
  return { ...announced, networkPublicKey: Buffer.from(networkPublicKey).toString('hex') }
}

function requestOf(line: string): Request {
  const { backup, prepareNetworkKey, status } = JSON.parse(line) as {
    status?: unknown
    backup?: Partial<BackupRequest>
    prepareNetworkKey?: { port?: unknown }
  }
  const { target, withKeys } = backup ?? {}
  if (typeof target === 'string' && isAbsolute(target) && typeof withKeys === 'boolean')
    return { backup: { target, withKeys } }
  if (status === true) return { status }
  const port = prepareNetworkKey?.port
  if (typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536)
    return { prepareNetworkKey: { port } }
  throw new ControlError('NODE_FAILED', 'the node does not know this request', { reason: 'request' })
}

/** What the other side says, line by line; the socket is closed after `silentMs` of silence, or a line that is too long. */
async function* linesOf(socket: Socket, clock: Clock, silentMs: number): AsyncGenerator<string, undefined> {
  const silence = clock.countdown(silentMs, () => socket.destroy())
  socket.setEncoding('utf8')
  let text = ''
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      silence.restart()
      text += chunk
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end)
        text = text.slice(end + 1)
        silence.stop()
        yield line
        silence.restart()
      }
      if (text.length > MAX_LINE_CHARS) return undefined
    }
  } finally {
    silence.stop()
  }
  return undefined
}

/**
 * Has the running node of a folder make a backup; undefined when none answers there. Throws BackupError, BACKUP_FAILED with
 * what the node says.
 */
export async function askForBackup(
  dir: string,
  request: BackupRequest,
  {
    clock,
    signal,
    onProgress,
  }: AbortOptions & { clock: Clock; onProgress: (doneBytes: number, totalBytes: number) => void },
): Promise<BackupManifest | undefined> {
  try {
    const result = await ask(dir, { backup: request }, { clock, signal, onProgress })
    return result as BackupManifest | undefined
  } catch (error) {
    if (!(error instanceof ControlError)) throw error
    throw new BackupError('BACKUP_FAILED', error.message, error.details, { cause: error })
  }
}

/**
 * Has the running node of a folder make its next network key and listen by it; undefined when none answers there. Throws ControlError,
 * NODE_FAILED with what the node says.
 */
export async function askForNetworkKey(
  dir: string,
  port: number,
  { clock, signal }: AbortOptions & { clock: Clock },
): Promise<AnnouncedKey | undefined> {
  const options = { clock, signal, onProgress: () => undefined }
  const result = (await ask(dir, { prepareNetworkKey: { port } }, options)) as Results['prepareNetworkKey']
  return (
    result && { ...result, networkPublicKey: Uint8Array.from(Buffer.from(result.networkPublicKey, 'hex')) }
  )
}

/** Asks the running node of a folder how it is reached; undefined when none answers there. Throws ControlError. */
export async function askForStatus(
  dir: string,
  { clock, signal }: AbortOptions & { clock: Clock },
): Promise<NodeStatus | undefined> {
  const options = { clock, signal, onProgress: () => undefined }
  return (await ask(dir, { status: true }, options)) as NodeStatus | undefined
}

async function ask(
  dir: string,
  request: Request,
  {
    clock,
    signal,
    onProgress,
  }: AbortOptions & { clock: Clock; onProgress: (doneBytes: number, totalBytes: number) => void },
): Promise<Results[keyof Results] | undefined> {
  const socket = canServe(dir) ? await reach(socketOf(dir)) : undefined
  if (socket === undefined) return undefined
  const stop = (): void => void socket.destroy()
  using _ = onAbort(signal, stop)
  try {
    socket.write(`${JSON.stringify(request)}\n`)
    for await (const line of linesOf(socket, clock, SILENT_MS)) {
      const answer = JSON.parse(line) as Answer
      if ('result' in answer) return answer.result
      if ('error' in answer) throw told(answer.error)
      onProgress(answer.done, answer.total)
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof BackupError || error instanceof ControlError) throw error
    throw lost(error)
  } finally {
    socket.destroy()
  }
  signal?.throwIfAborted()
  throw lost()
}

const lost = (cause?: unknown): ControlError =>
  new ControlError(
    'NODE_FAILED',
    'the node ended before it was done, or has fallen silent',
    { reason: 'silent' },
    { cause },
  )

/** Undefined when nobody listens. */
async function reach(path: string): Promise<Socket | undefined> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (isMissing(error) || code === 'ECONNREFUSED') return undefined
    throw error
  }
  socket.on('error', () => {})
  return socket
}

const PASSED_ON: ReadonlySet<string> = new Set<keyof BackupErrorDetails>([
  'BACKUP_TARGET_EXISTS',
  'BACKUP_BUSY',
])

function told({ code, message, details }: { code: string; message: string; details: object }) {
  return PASSED_ON.has(code)
    ? new BackupError(code as 'BACKUP_TARGET_EXISTS', message, details as { path: string })
    : new ControlError('NODE_FAILED', `the node could not do it: ${message}`, { reason: code })
}
