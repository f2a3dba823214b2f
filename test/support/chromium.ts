import { spawnSync } from 'node:child_process'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
/** It only tells its version, and the machine may be busy. */
const ANSWER_MS = 60_000

/** Where a Chromium is that runs, or why tests in one are left out. */
export function findChromium(): { path: string } | { missing: string } {
  const path = [process.env.FLOE_CHROMIUM ?? '', ...PLACES].find(runs)
  if (path !== undefined) return { path }
  return {
    missing: 'no Chromium runs here: install the package chromium, or name one with FLOE_CHROMIUM',
  }
}

/** A file alone says little: Ubuntu's package is a script that asks for a snap. */
const runs = (path: string): boolean =>
  path !== '' && spawnSync(path, ['--version'], { timeout: ANSWER_MS, stdio: 'ignore' }).status === 0
