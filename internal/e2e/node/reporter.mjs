// Tells each test as one line of JSON, which Go reads.
export default async function* reporter(events) {
  for await (const { type, data } of events) {
    if (type === 'test:pass') yield JSON.stringify({ name: data.name }) + '\n'
    if (type === 'test:fail') yield JSON.stringify({ name: data.name, error: explain(data.details.error) }) + '\n'
  }
}

function explain({ cause, message }) {
  if (!cause?.stack) return message
  return cause.errors ? `${cause.stack}\n${cause.status} ${JSON.stringify(cause.errors)}` : cause.stack
}
