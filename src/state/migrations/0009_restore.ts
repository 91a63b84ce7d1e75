/**
 * A file that was unloaded is `skipped` and comes back when it has changed, or more is asked of it: `restore`, from
 * skipped to pending.
 */
export const sql = `
ALTER TABLE backhaul.task_event DROP CONSTRAINT task_event_legal,
  ADD CONSTRAINT task_event_legal CHECK ((event, from_state, to_state) IN (
    ('claim', 'pending', 'running'),
    ('skip', 'pending', 'skipped'),
    ('finish', 'running', 'loaded'),
    ('fail', 'running', 'failed'),
    ('retry', 'running', 'pending'),
    ('expire', 'running', 'pending'),
    ('replace', 'loaded', 'pending'),
    ('requeue', 'failed', 'pending'),
    ('restore', 'skipped', 'pending')));
DROP TRIGGER task_transition ON backhaul.task;
CREATE TRIGGER task_transition BEFORE UPDATE OF state, attempt ON backhaul.task FOR EACH ROW
  WHEN ((OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
          ('pending', 'running'), ('pending', 'skipped'), ('running', 'loaded'), ('running', 'failed'),
          ('running', 'pending'), ('loaded', 'pending'), ('failed', 'pending'), ('skipped', 'pending')))
        OR NEW.attempt <> OLD.attempt + CASE WHEN OLD.state = 'pending' AND NEW.state = 'running' THEN 1 ELSE 0 END)
  EXECUTE FUNCTION backhaul.refuse_transition();
`;
