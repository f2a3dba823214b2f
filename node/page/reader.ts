/**
 * One script for both places where a page's reader runs: its dedicated worker, and the service worker that serves `/b/{blobId}`.
 * Bundled by build.ts.
 */
import { systemClock } from '../../base/clock.ts'
import type { Order, Report } from './messages.ts'
import { connectOverPorts } from './rtc-port.ts'
import { askPage } from './service/ask-page.ts'
import { createBlobServer } from './service/blob-server.ts'
import { createPageFiles } from './service/page-files.ts'
import { installServiceWorker, type ServiceScope } from './service/service-worker.ts'
import { createWorkerDoor } from './worker-door.ts'

/** What there is of either scope. */
interface WorkerScope {
  postMessage(report: Report, transfer?: Transferable[]): void
  addEventListener(type: 'message', listener: (event: { data: Order }) => void): void
}

const shared = { clock: systemClock, random: Math.random }

if ('clients' in globalThis) {
  const scope = globalThis as unknown as ServiceScope
  const files = createPageFiles(scope)
  const { location } = scope
  const server = createBlobServer({
    ...shared,
    location,
    files,
    rtc: connectOverPorts(call => askPage(scope.clients, call)),
    fetch: (path, options) => scope.fetch(path, options),
  })
  installServiceWorker(scope, server, files)
} else {
  const scope = globalThis as unknown as WorkerScope
  const door = createWorkerDoor({
    ...shared,
    send: (report, transfer = []) => scope.postMessage(report, transfer),
  })
  scope.addEventListener('message', ({ data }) => door.take(data))
}
