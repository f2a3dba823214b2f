import Mocha from 'mocha'

/** How long the process may live on after its last test, ms. */
const END_MS = 30_000

/** Mocha's `spec`, closed by one line that says how many tests ran. A run that something keeps open fails, and says what. */
export default class Reporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options)
    runner.once('end', () => {
      const { passes, failures, pending } = runner.stats
      process.stdout.write(
        `${passes} passed, ${failures} failed${pending > 0 ? `, ${pending} skipped` : ''}\n`,
      )
      setTimeout(endLateRun, END_MS).unref()
    })
  }
}

function endLateRun() {
  const open = process.getActiveResourcesInfo().filter(name => name !== 'TTYWrap')
  process.stderr.write(`A test left something open: ${open.join(', ')}\n`)
  process.once('exit', () => {
    process.exitCode = 1 // mocha's own listener, before this one, sets the number of failed tests
  })
  process.exit()
}
