import ArgumentParser

/// Runs a command's work; what fails becomes a message and exit code 1.
func reporting(_ body: () throws -> Void) throws {
  do { try body() } catch let error as ValidationError { throw error } catch let code as ExitCode {
    throw code
  } catch {
    Terminal.error("\(error)")
    throw ExitCode(1)
  }
}
