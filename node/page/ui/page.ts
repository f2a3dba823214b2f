/** The script of `/read`: what is seen and pressed. The reading is done in its worker. Bundled by build.ts. */
import { systemClock } from '../../../base/clock.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { connectInBrowser } from '../../network/web-rtc/browser-link.ts'
import type { Order, Report } from '../messages.ts'
import { isPrivateHost, pagePlace } from '../page-place.ts'
import { answerCall, type RtcCall } from '../rtc-port.ts'
import { blobIdIn, linkOf } from './blob-id-in.ts'
import { formatBytes } from './format.ts'
import { offerOwnNetwork } from './own-network.ts'
import { createPeerTable } from './peer-table.ts'
import { createReading, type Reading } from './reading.ts'
import { offerTypes } from './types.ts'

const find = <Kind extends HTMLElement>(id: string): Kind => document.getElementById(id) as Kind
const parts = {
  network: find('network'),
  form: find<HTMLFormElement>('ask'),
  input: find<HTMLInputElement>('blob'),
  read: find<HTMLButtonElement>('read'),
  cancel: find<HTMLButtonElement>('cancel'),
  own: find('own'),
  ownNetwork: find<HTMLInputElement>('own-network'),
  problem: find('problem'),
  result: find('result'),
  progress: find<HTMLProgressElement>('progress'),
  figures: find('figures'),
  actions: find('actions'),
  save: find<HTMLAnchorElement>('save'),
  type: find<HTMLSelectElement>('type'),
  show: find<HTMLAnchorElement>('show'),
  peers: find('peers'),
  rpcs: find('rpcs'),
}
const table = createPeerTable(find('rows'))
const worker = new Worker('/read/reader.js')
const send = (order: Order): void => worker.postMessage(order)
let reading: Reading | undefined
let lastId = 0
let isReady = false
/** what failed because the chain was not there yet: it begins again when it is */
let failedEarly: Reading | undefined
/** what is told of the chain, as long as it is not there */
let downWords = ''

function begin(blobId: string): void {
  stop()
  reading?.forget()
  table.clear()
  parts.input.value = blobId
  parts.problem.textContent = ''
  parts.result.hidden = parts.peers.hidden = false
  parts.actions.hidden = true
  parts.progress.removeAttribute('value')
  parts.figures.textContent = 'Looking for it…'
  reading = createReading(++lastId, blobId)
  setBusy(true)
  send({ kind: 'read', id: reading.id, blobId })
}

function stop(): void {
  if (reading !== undefined && !reading.isOver) send({ kind: 'cancel', id: reading.id })
}

function setBusy(isBusy: boolean): void {
  const hadFocus = document.activeElement === parts.cancel
  parts.cancel.hidden = !isBusy
  if (!isBusy && hadFocus) parts.read.focus()
}

function tellFigures(end?: string): void {
  if (reading === undefined) return
  const { received, size } = reading
  const words = [
    size === undefined ? formatBytes(received) : `${formatBytes(received)} of ${formatBytes(size)}`,
    `${formatBytes(table.bytes())} moved`,
    ...(table.hedges > 0 ? [`${table.hedges} asked later`] : []),
    ...(table.liars.length > 0 ? [`lied: ${table.liars.join(', ')}`] : []),
    ...(end === undefined ? [] : [end]),
  ]
  parts.figures.textContent = words.join(' · ')
}

function offer(of: Reading): void {
  parts.actions.hidden = false
  parts.save.href = of.url(parts.type.value)
  parts.save.download = of.blobId
  offerShow()
}

function offerShow(): void {
  if (reading === undefined) return
  const isServed = navigator.serviceWorker?.controller != null
  const query = parts.type.value === '' ? '' : `?type=${encodeURIComponent(parts.type.value)}`
  // by the service worker, in an origin of its own: a blob is a stranger's
  parts.show.hidden = !isServed
  parts.show.href = `/b/${reading.blobId}${query}`
}

function hearReady(): void {
  isReady = true
  if (parts.problem.textContent === downWords) parts.problem.textContent = ''
  if (failedEarly !== undefined && failedEarly === reading) begin(failedEarly.blobId)
  failedEarly = undefined
}

function hear(report: Report): void {
  if (report.kind === 'call') return void answerCall(report, connectInBrowser)
  if (report.kind === 'ready') {
    const { epoch, nodes, shards, rpcs } = report
    hearReady()
    parts.network.textContent = `${networkName}, epoch ${epoch}: ${nodes} nodes, ${shards} shards`
    const agree = rpcs.filter(({ digest }) => digest !== undefined).length
    const silent = rpcs.filter(({ digest }) => digest === undefined).map(({ url }) => url)
    parts.rpcs.textContent = `Committee ${rpcs.find(({ digest }) => digest)?.digest} by ${agree} of ${rpcs.length} Sui RPCs${silent.length > 0 ? `; no answer from ${silent.join(', ')}` : ''}.`
    return
  }
  if (report.kind === 'down') {
    parts.network.textContent = 'The network is not there.'
    downWords = report.message
    parts.problem.textContent = downWords
    // what RPCs disagree on is for a person to look at
    if (report.code !== 'RPCS_DISAGREE') systemClock.after(AGAIN_MS, () => !isReady && begun && send(begun))
    return
  }
  if (reading === undefined || report.id !== reading.id) return
  if (report.kind === 'found') reading.size = report.size
  else if (report.kind === 'peer') table.show(report.peer)
  else if (report.kind === 'piece') {
    reading.add(report.bytes)
    parts.progress.value =
      reading.size === undefined || reading.size === 0 ? 1 : reading.received / reading.size
  } else {
    reading.isOver = true
    setBusy(false)
    if (report.kind === 'failed') {
      parts.progress.value = 0
      if (!isReady && report.code !== 'CANCELLED') failedEarly = reading
      parts.problem.textContent = report.code === 'CANCELLED' ? '' : report.message
      tellFigures(report.code === 'CANCELLED' ? 'cancelled' : 'failed')
    } else {
      parts.progress.value = 1
      tellFigures(`${(report.durationMs / 1000).toFixed(1)} s`)
      offer(reading)
    }
    return
  }
  tellFigures()
}

function ask(text: string): void {
  const blobId = blobIdIn(text)
  if (blobId === undefined) parts.problem.textContent = 'A blob ID has 43 letters, digits, - and _.'
  else begin(blobId)
}

function listen(): void {
  worker.addEventListener('message', ({ data }: MessageEvent<Report>) => hear(data))
  parts.form.addEventListener('submit', event => {
    event.preventDefault()
    ask(parts.input.value)
  })
  parts.cancel.addEventListener('click', stop)
  parts.type.addEventListener('change', () => {
    if (reading?.isOver) offer(reading)
  })
  document.addEventListener('keydown', event => {
    if (event.key === 'Escape') stop()
  })
  document.addEventListener('dragover', event => {
    event.preventDefault()
    document.body.classList.add('dropping')
  })
  document.addEventListener('dragleave', () => document.body.classList.remove('dropping'))
  document.addEventListener('drop', event => {
    event.preventDefault()
    document.body.classList.remove('dropping')
    ask(event.dataTransfer?.getData('text/plain') ?? '')
  })
  document.addEventListener('paste', event => {
    const text = event.clipboardData?.getData('text/plain') ?? ''
    if (blobIdIn(text) === undefined) return
    event.preventDefault()
    ask(text)
  })
  globalThis.addEventListener('hashchange', () => {
    const { blobId } = linkOf(location.hash)
    if (blobId !== undefined) begin(blobId)
  })
  navigator.serviceWorker?.addEventListener('controllerchange', offerShow)
  // only its service worker sends messages that way
  navigator.serviceWorker?.addEventListener('message', ({ data }: MessageEvent<RtcCall>) => {
    void answerCall(data, connectInBrowser)
  })
}

let networkName = ''
let begun: (Order & { kind: 'start' }) | undefined
/** A chain that did not answer is asked again. */
const AGAIN_MS = 5_000

function startOn(network: NetworkConfig): void {
  isReady = false
  begun = { kind: 'start', network, page: pagePlace(location, parts.ownNetwork.checked) }
  send(begun)
}

/** Begins again with what may be dialled now, and with what is being read. */
function startAgain(): void {
  if (begun === undefined) return
  const interrupted = reading?.isOver === false ? reading.blobId : undefined
  stop()
  startOn(begun.network)
  if (interrupted !== undefined) begin(interrupted)
}

async function start(): Promise<void> {
  listen()
  // where the page came from there already it has nothing to choose
  parts.own.hidden = isPrivateHost(location.hostname)
  offerOwnNetwork(parts.ownNetwork, startAgain)
  offerTypes(parts.type)
  // there is none without HTTPS or localhost; reading works all the same
  navigator.serviceWorker?.register('/read/reader.js', { scope: '/' }).catch(() => undefined)
  const answer = await fetch('/read/network.json')
  const network = (await answer.json()) as NetworkConfig
  const { blobId, network: wanted } = linkOf(location.hash)
  if (wanted !== undefined && wanted !== network.systemObjectId) {
    parts.network.textContent = 'The link is of another network.'
    parts.problem.textContent = `This page reads from ${network.systemObjectId}, and the link names ${wanted}.`
    parts.read.disabled = true
    return
  }
  networkName = network.name
  startOn(network)
  if (blobId !== undefined) begin(blobId)
  else parts.input.focus()
}

start().catch(error => {
  parts.network.textContent = 'The gateway does not answer.'
  parts.problem.textContent = String(error)
})
