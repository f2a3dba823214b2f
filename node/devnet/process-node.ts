import { type ChildProcess, fork } from 'node:child_process'
import { createInterface } from 'node:readline'
import { createBackoff } from '../../base/backoff.ts'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { onAbort } from '../../base/wait.ts'
import type { ObjectId } from '../../codec/types.ts'
import { compileCache } from '../compile-cache.ts'
import type { ProcessNode } from './devnet-node.ts'
import { DevnetError } from './errors.ts'
import type { NodeOrders, NodeWord } from './serve-node.ts'

export interface ProcessNodeInit {
  /** `03` */
  name: string
  nodeId: ObjectId
  orders: NodeOrders
  /** what the process runs; `node-program.ts` when absent */
  program?: URL
  clock: Clock
  random: () => number
  log: Log
}

/** A store that is large is opened in less, on a busy machine too. */
const START_MS = 120_000
/** More than a node takes to end what is under way. */
const STOP_MS = 15_000
const RESTART_MS = { firstMs: 200, maxMs: 30_000, jitter: 0.5 }
/** One that ran for so long did not end because of how it began. */
const STEADY_MS = 10_000
/** of what a process says that is no log line, such as where an error was thrown */
const KEPT_LINES = 20
const LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** A storage node in a process of its own, looked after. */
export function createProcessNode(init: ProcessNodeInit): ProcessNode {
  return new WatchedNode(init)
}

const stopped = (): DOMException => new DOMException('the node stops', 'AbortError')

interface Watch {
  stopping: AbortController
  over: Promise<void>
}

class WatchedNode implements ProcessNode {
  readonly name: string
  readonly nodeId: ObjectId
  readonly running = undefined
  readonly #init: ProcessNodeInit
  #process: NodeProcess | undefined
  #up = Promise.withResolvers<void>()
  #watch: Watch | undefined
  #stops = 0

  constructor(init: ProcessNodeInit) {
    this.#init = init
    this.name = init.name
    this.nodeId = init.nodeId
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  async start(): Promise<void> {
    const stops = this.#stops
    // one that ends is no longer the one to start
    while (this.#watch?.stopping.signal.aborted) await this.#watch.over
    if (this.#stops !== stops) throw stopped()
    if (this.#watch === undefined) {
      this.#expectUp()
      const stopping = new AbortController()
      const over = this.#run(stopping.signal).finally(() => {
        this.#watch = undefined
      })
      this.#watch = { stopping, over }
    }
    return this.#up.promise
  }

  async stop(): Promise<void> {
    this.#stops++
    this.#watch?.stopping.abort(stopped())
    await this.#watch?.over
  }

  kill(signal: NodeJS.Signals): void {
    this.#process?.kill(signal)
  }

  async #run(stopping: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#init
    const backoff = createBackoff({ ...RESTART_MS, random, timers: clock })
    for (let runs = 1; ; runs++) {
      const startedMs = clock.monotonic()
      const { isUp, failure } = await this.#runOnce(stopping, runs)
      if (stopping.aborted) return this.#up.reject(stopping.reason)
      if (runs === 1 && !isUp) return this.#up.reject(failure)
      if (isUp) this.#expectUp()
      if (clock.monotonic() - startedMs > STEADY_MS) backoff.reset()
      const { nextMs: retryMs } = backoff
      const { pid, code } = failure.details
      log.error({ pid, code, retryMs }, `${failure.message}; it is started again`)
      await backoff.pause(stopping).catch(() => undefined)
      if (stopping.aborted) return this.#up.reject(stopping.reason)
    }
  }

  /** One process, from its beginning to its end. */
  async #runOnce(
    stopping: AbortSignal,
    runs: number,
  ): Promise<{ isUp: boolean; failure: DevnetError<'DEVNET_NODE'> }> {
    const { name, log } = this.#init
    const running = new NodeProcess(this.#init)
    this.#process = running
    const listening = onAbort(stopping, () => running.stop())
    const { pid } = running
    let isUp = false
    void running.up.then(() => {
      isUp = true
      this.#up.resolve()
      log[runs === 1 ? 'info' : 'warn']({ pid }, runs === 1 ? 'node started' : 'node started again')
    })
    const { code, reason } = await running.ended
    listening[Symbol.dispose]()
    this.#process = undefined
    const what = isUp ? 'ended' : 'did not start'
    const failure = new DevnetError('DEVNET_NODE', `node ${name} ${what}: ${reason}`, {
      node: name,
      pid,
      code,
    })
    return { isUp, failure }
  }

  #expectUp(): void {
    this.#up = Promise.withResolvers()
    // those who await it are told
    this.#up.promise.catch(() => undefined)
  }
}

/** Why a process is over. */
interface End {
  /** of the error that it told; that of its end otherwise: an exit code, or a signal's name */
  code: string
  reason: string
}

class NodeProcess {
  /** once it is up; never rejects */
  readonly up: Promise<void>
  readonly ended: Promise<End>
  readonly #init: ProcessNodeInit
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  #failed: End | undefined

  constructor(init: ProcessNodeInit) {
    this.#init = init
    const { orders, program, clock, log } = init
    this.#child = fork(program ?? defaultProgram(), [JSON.stringify(orders)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // from its first file on: the compiler itself takes a tenth of a second
      env: { NODE_COMPILE_CACHE: compileCache, ...process.env },
    })
    const limit = clock.after(START_MS, () => this.#giveUp(`it was not up within ${START_MS / 1000} s`))
    this.up = new Promise(resolve => {
      this.#child.on('message', (word: NodeWord) => {
        if (word.kind === 'failed') this.#failed = { code: word.code, reason: word.message }
        else resolve()
        limit.stop()
      })
    })
    this.ended = new Promise<void>(resolve => {
      // 'close', so that its last words have been read
      this.#child.once('close', () => resolve())
      this.#child.on('error', ({ message }) => {
        // of one that runs: it could not be told something
        if (this.pid !== undefined) return
        this.#failed = { code: 'SPAWN_FAILED', reason: message }
        resolve()
      })
    }).then(() => {
      limit.stop()
      return this.#failed ?? this.#end()
    })
    // there is none where no descriptor was left for it, whatever the types say
    if (this.#child.stderr) createInterface(this.#child.stderr).on('line', line => this.#hear(line, log))
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** It gets a while to end what is under way. */
  stop(): void {
    const { clock, log } = this.#init
    const { pid } = this
    const limit = clock.after(STOP_MS, () => {
      log.warn({ pid }, 'the process of a node did not stop, and is killed')
      this.kill('SIGKILL')
    })
    void this.ended.then(() => limit.stop())
    this.#child.send({ kind: 'stop' }, () => undefined)
  }

  #giveUp(reason: string): void {
    this.#failed = { code: 'TIMEOUT', reason }
    this.kill('SIGKILL')
  }

  #end(): End {
    const { exitCode, signalCode } = this.#child
    const how = signalCode === null ? `exit code ${exitCode}` : signalCode
    const said = this.#lines.find(line => /^\w*Error\b/.test(line)) ?? this.#lines.at(-1)
    return { code: String(signalCode ?? exitCode), reason: said === undefined ? how : `${how}, ${said}` }
  }

  /** Its log lines become this process's; what else it says, too. */
  #hear(line: string, log: Log): void {
    const said = parseLine(line)
    if (said !== undefined) log[said.level](said.fields, said.message)
    else if (line.trim() !== '') {
      if (this.#lines.length < KEPT_LINES) this.#lines.push(line)
      log.error({}, line)
    }
  }
}

function defaultProgram(): URL {
  // the published package has .js files; from the sources Node runs the .ts ones
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`./node-program.${extension}`, import.meta.url)
}

function parseLine(line: string) {
  try {
    const { level, time, msg, node, ...fields } = JSON.parse(line)
    if (!LEVELS.includes(level)) return undefined
    return { level: level as (typeof LEVELS)[number], fields: fields as object, message: String(msg) }
  } catch {
    return undefined
  }
}
